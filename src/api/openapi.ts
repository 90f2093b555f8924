// Describes the API in OpenAPI 3.1, from the table that is routed and the schemas that validate.
import { type ConversionConfig, toJsonSchemaDefs } from "@valibot/to-json-schema";
import { type GenericSchema, safeParse } from "valibot";
import * as answers from "../contract/answers.ts";
import type { Operation } from "../contract/operation.ts";
import { OPERATIONS, problemsOf } from "../contract/operations.ts";
import { API_PATH } from "../contract/paths.ts";
import * as people from "../contract/people.ts";
import type { Need } from "../contract/permissions.ts";
import * as problems from "../contract/problems.ts";
import * as requests from "../contract/requests.ts";
import { API_VERSION } from "../contract/version.ts";

type Json = Record<string, unknown>;

/** The schemas with a name of their own: `UserSchema` becomes `User`, `EnrolRequest` stays. */
const NAMED: Record<string, GenericSchema> = Object.fromEntries(
  Object.entries({ ...answers, ...people, ...problems, ...requests }).flatMap(
    ([name, value]): [name: string, schema: GenericSchema][] =>
      /(Schema|Request)$/.test(name) ? [[name.replace(/Schema$/, ""), value as GenericSchema]] : [],
  ),
);

/** Describes what a client sends. The library throws at whatever it cannot describe. */
const CONVERSION: ConversionConfig = {
  target: "draft-2020-12",
  typeMode: "input",
  overrideRef: ({ referenceId }) => referenceTo(referenceId),
  // Code cannot be described: `v.metadata` after it says what it demands, or else the check's own hint.
  overrideSchema: ({ valibotSchema }) => (valibotSchema.type === "custom" ? {} : undefined),
  overrideAction: ({ valibotAction, jsonSchema }) => {
    if (valibotAction.type === "raw_check") return jsonSchema;
    if (valibotAction.type !== "check") return undefined;
    const { message } = valibotAction as { message?: unknown };
    return typeof message === "string" ? { ...jsonSchema, description: message } : jsonSchema;
  },
};

const TAGS = {
  users: "Who has devices.",
  devices: "A user's devices and their status.",
  "device-tokens": "Devices that show a token or a feed's secret.",
  invitations: "Codes with which a user enrols one device.",
  audit: "What was changed, by whom, and what was refused.",
  "unknown-certificates": "Verified certificates that nobody has enrolled.",
  identities: "Who a user is at the identity provider.",
  "waiting-people": "People who signed in with the identity provider and are no user yet.",
  tokens: "Credentials of users, limited to their scope.",
  sessions: "Browsers that are signed in.",
  backup: "What a backup needs besides the lists.",
  restore: "Putting a backup back.",
  api: "The API itself, and whose credentials these are.",
};

const NEEDS: Record<Need, string> = {
  any: "Takes any valid credentials.",
  see: "Takes a token of any scope, or the `ADMIN_TOKEN`.",
  read: "Takes a token of the scope `read` or `devices`, or the `ADMIN_TOKEN`.",
  "shut-out": "Takes a token of the scope `devices` or `emergency`, or the `ADMIN_TOKEN`.",
  devices: "Takes a token of the scope `devices`, or the `ADMIN_TOKEN`.",
  root: "Takes the `ADMIN_TOKEN`.",
};

const ANSWERS: Record<number, string> = { 200: "Done", 201: "Made", 204: "Done; there is no body" };

/** Schemas of the path's parameters; the others may be any string. */
const PARAMETERS: Record<string, Json> = {
  user: { $ref: referenceTo("UserId") },
  fingerprint: { $ref: referenceTo("Fingerprint") },
};

const RETRY_AFTER = { "Retry-After": { description: "In seconds.", schema: { type: "integer" } } };
const HEADERS: Partial<Record<problems.ProblemCode, Json>> = {
  "wrong-credentials": { "WWW-Authenticate": { schema: { type: "string" } } },
  "registry-unavailable": RETRY_AFTER,
};

/** Throws where a schema cannot be described: a fault of ours. */
export function describeApi(): answers.Description {
  const { schemas, schemaOf } = describeSchemas(Object.values(OPERATIONS));
  const paths: Record<string, Json> = {};
  const responses: Record<string, Json> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const path = operation.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = {
      ...paths[path],
      [operation.method.toLowerCase()]: { operationId: id, ...describe(operation, schemaOf, responses) },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Latchkey",
      version: API_VERSION,
      description:
        "Manages who may pass the gate. Without valid credentials, and on any host but `ADMIN_HOST` if that is set, " +
        "every path answers as if nothing were there. A path that takes GET takes HEAD too.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: API_PATH }],
    security: [{ token: [] }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A user's token, or the `ADMIN_TOKEN`." },
      },
      schemas,
      responses,
    },
  };
}

type SchemaOf = (schema: GenericSchema) => Json;

/**
 * The schemas of the components, and of each operation: a reference to a named one, any other one written out. All are
 * converted in one call, since every call converts the named ones too.
 */
function describeSchemas(operations: readonly Operation[]): { schemas: Json; schemaOf: SchemaOf } {
  const names = new Map(Object.entries(NAMED).map(([name, schema]) => [schema, name]));
  const used = operations.flatMap(({ query, body, answers }) => [query, body, ...Object.values(answers)]);
  const unnamed = [...new Set(used)].filter(
    (schema) => schema != null && !names.has(schema),
  ) as GenericSchema[];
  const numbered = Object.fromEntries(unnamed.map((schema, index) => [index, schema]));
  const described = toJsonSchemaDefs({ ...NAMED, ...numbered }, CONVERSION);
  return {
    schemas: Object.fromEntries(Object.keys(NAMED).map((name) => [name, described[name]])),
    schemaOf: (schema) => {
      const name = names.get(schema);
      return name === undefined ? (described[unnamed.indexOf(schema)] as Json) : { $ref: referenceTo(name) };
    },
  };
}

function describe(operation: Operation, schemaOf: SchemaOf, responses: Record<string, Json>): Json {
  const { path, summary, needs, query, body } = operation;
  const parameters = [
    ...pathParameters(path),
    ...(query === undefined ? [] : queryParameters(schemaOf(query))),
  ];
  return {
    summary,
    description: NEEDS[needs],
    tags: [tagOf(path)],
    "x-latchkey-needs": needs,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: requestBody(body, schemaOf(body)) }),
    responses: { ...answersOf(operation, schemaOf), ...problemAnswers(operation, responses) },
  };
}

/** `/users/:user/devices` is about devices. */
function tagOf(path: string): string {
  const [, first = "", , third] = path.split("/");
  const name = first === "users" ? (third ?? first) : first;
  return name in TAGS ? name : "api";
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: PARAMETERS[name] ?? { type: "string" },
  }));
}

function queryParameters(query: { properties?: Json; required?: string[] }): Json[] {
  const { properties = {}, required = [] } = query;
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema,
  }));
}

/** A request without a body reads as `{}` (see input.ts). */
function requestBody(body: GenericSchema, described: Json): Json {
  return { required: !safeParse(body, {}).success, ...content("application/json", described) };
}

function answersOf({ answers }: Operation, schemaOf: SchemaOf): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, schema]) => [
      status,
      {
        description: ANSWERS[Number(status)] ?? "Done",
        ...(schema === null ? {} : content("application/json", schemaOf(schema))),
      },
    ]),
  );
}

/** The problems of an operation by status, each with all of its codes; adds them to the shared `responses`. */
function problemAnswers(operation: Operation, responses: Record<string, Json>): Json {
  const byStatus = Map.groupBy(problemsOf(operation), (code) => problems.PROBLEMS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => {
      const name = codes.map(pascalCase).join("Or");
      responses[name] ??= problemResponse(codes);
      return [status, { $ref: `#/components/responses/${name}` }];
    }),
  );
}

function problemResponse(codes: problems.ProblemCode[]): Json {
  const headers = Object.assign({}, ...codes.map((code) => HEADERS[code] ?? {})) as Json;
  return {
    description: codes.map((code) => `\`${code}\`: ${problems.PROBLEMS[code].title}.`).join(" "),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...content("application/problem+json", {
      allOf: [
        { $ref: referenceTo("Problem") },
        { type: "object", properties: { code: { type: "string", enum: codes } } },
      ],
    }),
  };
}

function content(type: string, schema: Json): Json {
  return { content: { [type]: { schema } } };
}

function referenceTo(name: string): string {
  return `#/components/schemas/${name}`;
}

function pascalCase(code: string): string {
  return code.replaceAll(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase());
}
