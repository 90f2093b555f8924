// Cloudflare's own description of its API, as far as Latchkey calls it, and what of a call is not by it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import type { RecordedRequest } from "../../scripts/stand-in/stand-in.ts";

interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  required?: boolean;
}

interface Body {
  content?: Record<string, { schema?: object }>;
}

export interface Operation {
  parameters?: readonly (Parameter | { $ref: string })[];
  requestBody?: (Body & { required?: boolean }) | { $ref: string };
  responses: Record<string, Body>;
  /** The permissions of which a token needs one. */
  "x-api-token-group"?: readonly string[];
}

interface Specification {
  paths: Record<string, Record<string, Operation>>;
  components: {
    parameters: Record<string, Parameter>;
    requestBodies: Record<string, Body & { required?: boolean }>;
    schemas: Record<string, Schema>;
  };
}

interface Schema {
  $ref?: string;
  properties?: Record<string, unknown>;
  allOf?: readonly Schema[];
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
}

const FILE = join(import.meta.dirname, "openapi-subset.json");
const specification = JSON.parse(readFileSync(FILE, "utf8")) as Specification;

// An OpenAPI document is no JSON Schema: words that JSON Schema does not know mean nothing here, but `nullable`, which
// Ajv knows. Parameters come as text.
const options = { strict: false, validateSchema: false, allErrors: true } as const;
const [bodies, parameters] = [new Ajv(options), new Ajv({ ...options, coerceTypes: "array" })];
for (const ajv of [bodies, parameters]) {
  addFormats.default(ajv);
  ajv.addSchema(specification, "specification");
}

export interface Found {
  /** `GET /zones/{zone_id}` */
  name: string;
  pointer: string;
  operation: Operation;
  /** The values of the path's parameters. */
  values: Record<string, string>;
}

/** The operation that a call is, by its method and path; of several, the one with the most literal path. */
export function operationOf(method: string, path: string): Found | undefined {
  const given = path.replace(/\?.*$/, "").split("/");
  const found = Object.entries(specification.paths).flatMap(([template, operations]) => {
    const wanted = template.split("/");
    const operation = operations[method.toLowerCase()];
    if (operation === undefined || wanted.length !== given.length) return [];
    const values: Record<string, string> = {};
    for (const [index, part] of wanted.entries()) {
      if (part.startsWith("{")) values[part.slice(1, -1)] = decodeURIComponent(given[index] ?? "");
      else if (part !== given[index]) return [];
    }
    const pointer = `specification#/paths/${template.replaceAll("/", "~1")}/${method.toLowerCase()}`;
    return [{ name: `${method} ${template}`, pointer, operation, values }];
  });
  return found.sort((a, b) => Object.keys(a.values).length - Object.keys(b.values).length)[0];
}

/**
 * Everything about one call that is not as specified, each as a line: `GET /zones answer /result/[]/owner is missing`.
 * A call that the specification does not have is one line.
 */
export function mismatches({ method, path, body, status, answer, endpoint }: RecordedRequest): string[] {
  const found = operationOf(method, path);
  if (found === undefined) return [`${method} ${endpoint?.pattern ?? path} is not in the specification`];
  const { operation, pointer, name } = found;
  const lines: string[] = [
    ...parameterLines(found, new URL(path, "http://stand-in").searchParams),
    ...bodyLines(operation, pointer, body),
  ];
  const response = [String(status), `${String(status)[0]}XX`].find((each) => each in operation.responses);
  if (response === undefined) lines.push(`status ${status}`);
  const good = Object.keys(operation.responses).find((each) => each.startsWith("2"));
  const described = response ?? (status < 300 ? good : undefined);
  const media = described === undefined ? undefined : operation.responses[described]?.content;
  if (described !== undefined && media?.["application/json"]?.schema !== undefined) {
    const schema = `${pointer}/responses/${described}/content/application~1json/schema`;
    const part = status < 300 ? "answer" : `answer (${status})`;
    lines.push(...errorsOf(bodies, schema, answer).map((error) => `${part} ${error}`));
  }
  // Each setting has a form of its own.
  const named = name.replace("{setting_id}", found.values.setting_id ?? "");
  return [...new Set(lines)].map((line) => `${named} ${line}`);
}

function parameterLines({ operation, pointer, values }: Found, query: URLSearchParams): string[] {
  const lines: string[] = [];
  const known = new Set<string>();
  for (const [index, each] of (operation.parameters ?? []).entries()) {
    const isReference = "$ref" in each;
    const at = isReference ? `specification${each.$ref}` : `${pointer}/parameters/${index}`;
    const parameter = isReference ? specification.components.parameters[lastOf(each.$ref)] : each;
    if (parameter === undefined || parameter.in === "header") continue;
    known.add(parameter.name);
    const value = parameter.in === "path" ? values[parameter.name] : query.get(parameter.name);
    if (value === null || value === undefined) {
      if (parameter.required === true) lines.push(`${parameter.in} ${parameter.name} is missing`);
      continue;
    }
    lines.push(
      ...errorsOf(parameters, `${at}/schema`, value).map(
        (error) => `${parameter.in} ${parameter.name}${error}`,
      ),
    );
  }
  return [
    ...lines,
    ...[...query.keys()].filter((key) => !known.has(key)).map((key) => `query ${key} is unknown`),
  ];
}

function bodyLines({ requestBody }: Operation, pointer: string, text: string): string[] {
  const isReference = requestBody !== undefined && "$ref" in requestBody;
  const at = isReference ? `specification${requestBody.$ref}` : `${pointer}/requestBody`;
  const described = isReference
    ? specification.components.requestBodies[lastOf(requestBody.$ref)]
    : requestBody;
  if (text === "") return described?.required === true ? ["request is missing"] : [];
  if (described?.content === undefined) return ["request has a body"];
  const schema = described.content["application/json"]?.schema;
  // Uploads are forms.
  if (schema === undefined) return [];
  const body: unknown = JSON.parse(text);
  const known = propertiesOf(schema);
  return [
    ...errorsOf(bodies, `${at}/content/application~1json/schema`, body),
    // No schema forbids other fields, and a field that nobody knows does nothing.
    ...Object.keys(body as object).flatMap((key) => (known.has(key) ? [] : [`/${key} is unknown`])),
  ].map((line) => `request ${line}`);
}

function propertiesOf(schema: Schema): Set<string> {
  if (schema.$ref !== undefined) {
    return propertiesOf(specification.components.schemas[lastOf(schema.$ref)] ?? {});
  }
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return new Set([
    ...Object.keys(schema.properties ?? {}),
    ...parts.flatMap((part) => [...propertiesOf(part)]),
  ]);
}

const lastOf = (pointer: string) => pointer.split("/").at(-1) ?? "";

const compiled = new Map<string, ValidateFunction>();

function errorsOf(ajv: Ajv, schema: string, value: unknown): string[] {
  const key = `${ajv === bodies} ${schema}`;
  const validate = compiled.get(key) ?? ajv.compile({ $ref: schema });
  compiled.set(key, validate);
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  // Of what is none of several things, that it is none says enough.
  const none = errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf");
  const isInside = (error: ErrorObject) =>
    none.some((each) => error !== each && `${error.instancePath}/`.startsWith(`${each.instancePath}/`));
  return [...new Set(errors.filter((error) => !isInside(error)).map(describe))];
}

function describe({ instancePath, keyword, params, message }: ErrorObject): string {
  const place = instancePath.replaceAll(/\/\d+(?=\/|$)/g, "/[]");
  if (keyword === "required") return `${place}/${params.missingProperty} is missing`;
  return `${place} ${message}`;
}
