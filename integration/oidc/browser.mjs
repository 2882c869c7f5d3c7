// A user's browser, as far as logging in and consenting needs one: it keeps cookies, follows redirects and sends the
// forms of the pages that it is shown, with the user's name where one is asked for.
const attribute = (tag, name) => tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1].replace(/&#x2F;|&#47;/g, "/").replace(/&amp;/g, "&");

// visit goes where it is sent, and returns the first address that begins with `until`, or "" at a page without a form.
export async function visit(fetch, address, user, until) {
  const cookies = new Map();
  let request = {};
  for (let step = 0; step < 30; step++) {
    const cookie = [...cookies].map((pair) => pair.join("=")).join("; ");
    const response = await fetch(address, { redirect: "manual", ...request, headers: { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = set.match(/^([^=]+)=([^;]*)/);
      value ? cookies.set(name, value) : cookies.delete(name);
    }
    const page = await response.text();
    if (response.status >= 400) throw new Error(`${address}: ${response.status} ${page.replace(/<style>.*<\/style>/s, "")}`);
    request = {};
    if (response.headers.has("location")) {
      address = new URL(response.headers.get("location"), address).href;
      if (until && address.startsWith(until)) return address;
      continue;
    }
    const form = page.match(/<form[^>]*>/)?.[0];
    if (!form) return "";
    const body = new URLSearchParams();
    for (const [input] of page.matchAll(/<input[^>]*>/g)) {
      const name = attribute(input, "name");
      if (name) body.set(name, { login: user, password: "any" }[name] ?? attribute(input, "value") ?? "");
    }
    address = new URL(attribute(form, "action"), address).href;
    request = { method: "POST", body };
  }
  throw new Error("more pages than a login has");
}
