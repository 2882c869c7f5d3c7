// Reads descriptions of an API, one a line in JSON, and says of each in a line of JSON whether it is one by the
// specification of the version that it names (the OpenAPI Initiative's own schema), and what is wrong.
import { createInterface } from "node:readline";
import { Validator } from "@seriousme/openapi-schema-validator";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(JSON.parse(line));
  const wrong = typeof errors === "string" ? [errors] : (errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
  console.log(JSON.stringify({ valid, version: validator.version ?? "", wrong }));
}
