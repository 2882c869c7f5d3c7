#!/usr/bin/env bash
# Installs what the integration tests ask of other people's software: Debian packages, as root, and the npm
# packages of integration/tokens, integration/oidc, integration/openapi and integration/acme, and the Go modules of the last.
# What cannot be had is named; with CI=true that is a failure. No server that is installed here is started: the tests start their own.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  bind9 bind9-dnsutils bind9-utils                # named, delv, nsupdate, dnssec-dsfromkey, named-checkzone
  knot knot-dnsutils                              # knotd, knotc
  knot-dnssecutils                                # kzonecheck
  nsd ldnsutils                                   # nsd, nsd-checkzone, ldns-keygen, ldns-signzone, ldns-read-zone, drill
  pdns-server pdns-backend-sqlite3 sqlite3        # pdns_server, pdnsutil
  unbound unbound-host                            # the witness
  krb5-kdc krb5-admin-server krb5-user            # krb5kdc, kadmin.local, kinit: tickets for GSS-TSIG
  libnet-dns-sec-perl                             # Net::DNS::SEC: SIG(0) that BIND 9.18 takes no more
  nginx caddy                                     # gateways that ask cnfd, and hand on a client's certificate
  certbot lego dehydrated uacme acmetool acme-tiny # ACME clients, beside caddy
  pebble                                          # an ACME server that is not ours, to prove the drivers of those on
  faketime                                        # certbot on another day
  gnutls-bin                                      # certtool: a second opinion of certificates and revocation lists
  libnss3-tools                                   # certutil, crlutil: a third, which reads no list with an extension that it does not know
  prometheus systemd                              # promtool, systemd-analyze
  iproute2                                        # network namespaces
  curl openssl python3 python3-cbor2 python3-cryptography nodejs npm   # tokens that our code did not make
)

missing() {
  local p
  for p in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] && continue
    # A program that came some other way will do.
    case $p in nodejs) command -v node >/dev/null && continue ;; npm) command -v npm >/dev/null && continue ;; curl|openssl|python3) command -v "$p" >/dev/null && continue ;; esac
    echo "$p"
  done
}

lacking=0
lack() { echo "install-test-deps: $*" >&2; lacking=1; }

install_packages() {
  # A daemon that a package starts would take port 53. Where the machine has a policy already, it is left alone.
  local policy=/usr/sbin/policy-rc.d ours=""
  if [ ! -e $policy ]; then
    ours=$policy
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  local status=0
  { apt-get update -q && apt-get install -q -y --no-install-recommends "$@"; } >&2 || status=$?
  [ -z "$ours" ] || rm -f "$ours"
  return $status
}

mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    lack "no apt-get here; missing: ${wanted[*]}"
  elif [ "$(id -u)" != 0 ]; then
    lack "not root; missing: ${wanted[*]} (run as root: apt-get install ${wanted[*]})"
  elif ! install_packages "${wanted[@]}"; then
    lack "apt-get failed; still missing: $(missing | tr '\n' ' ')"
  fi
fi

for dir in integration/tokens integration/oidc integration/openapi integration/acme; do
  if ! command -v npm >/dev/null; then
    lack "npm is missing: what $dir makes is skipped"
  elif [ ! -e $dir/node_modules/.package-lock.json ] || [ $dir/package-lock.json -nt $dir/node_modules/.package-lock.json ]; then
    (cd $dir && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2 || lack "npm ci failed in $dir"
  fi
done
if ! command -v go >/dev/null; then
  lack "go is missing: the clients in integration/acme are skipped"
else
  (cd integration/acme && go mod download) >&2 || lack "go mod download failed in integration/acme"
fi
# Debian 12 has Node 18, too old for oidc-provider: a newer one in PATH will do, however it came.
if command -v node >/dev/null && ! node -e '[a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)'; then
  lack "node is too old for npm's oidc-provider, which needs 20.19: $(node --version)"
fi

if [ $lacking = 1 ] && [ "${CI:-}" = true ]; then
  echo "install-test-deps: with CI=true nothing may be missing" >&2
  exit 1
fi
