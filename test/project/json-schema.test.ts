import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import * as v from "valibot";
import { beforeAll, describe, expect, it } from "vitest";
import * as contract from "../../src/control/contract.ts";
import { jsonSchema, jsonSchemaOrReference } from "../../src/control/json-schema.ts";

// The library does in tests what it is too large for in the Worker: it says what the right description is.

// By a name that the types of Node do not follow: the table's types are those of workerd.
const OPERATIONS_FILE = "../../src/control/operations.ts";

interface Operation {
  id: string;
  query?: v.GenericSchema;
  body?: v.GenericSchema;
  answers: Record<string, v.GenericSchema | null>;
}

const isSchema = (value: unknown): value is v.GenericSchema =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "schema";

const NAMED = Object.fromEntries(Object.entries(contract).filter(([, value]) => isSchema(value))) as Record<
  string,
  v.GenericSchema
>;
const REFERENCES = new Map(Object.entries(NAMED).map(([name, schema]) => [schema, `#/$defs/${name}`]));

const CONVERSION: ConversionConfig = {
  target: "draft-2020-12",
  typeMode: "input",
  // The library knows no check by code. There is one: before the detail of an audit line.
  overrideSchema: ({ valibotSchema }) =>
    valibotSchema.type === "custom" ? byLibrary(v.record(v.string(), v.nullable(v.string())), {}) : undefined,
  overrideAction: ({ valibotAction, jsonSchema }) => {
    if (valibotAction.type !== "check") return undefined;
    const { message } = valibotAction as { message?: unknown };
    return typeof message === "string" ? { ...jsonSchema, description: message } : jsonSchema;
  },
};

function byLibrary(schema: v.GenericSchema, definitions: Record<string, v.GenericSchema>): object {
  const { $schema: _, $defs: __, ...rest } = toJsonSchema(schema, { ...CONVERSION, definitions });
  return rest;
}

let ofOperations: [string, v.GenericSchema][];
beforeAll(async () => {
  const { OPERATIONS } = (await import(OPERATIONS_FILE)) as { OPERATIONS: readonly Operation[] };
  ofOperations = OPERATIONS.flatMap(({ id, query, body, answers }) =>
    Object.entries({ query, body, ...answers }).flatMap(([what, schema]): [string, v.GenericSchema][] =>
      isSchema(schema) ? [[`${id} ${what}`, schema]] : [],
    ),
  );
});

describe("the description of a schema", () => {
  it("is the library's, for every schema of the contract", () => {
    expect(Object.keys(NAMED).length).toBeGreaterThan(30);
    const described = Object.fromEntries(
      Object.entries(NAMED).map(([name, schema]) => [name, jsonSchema(schema, REFERENCES)]),
    );
    expect(described).toEqual(toJsonSchemaDefs(NAMED, CONVERSION));
  });

  it("is the library's, for whatever an operation takes and gives", () => {
    expect(ofOperations.length).toBeGreaterThan(50);
    for (const [name, schema] of ofOperations) {
      expect(jsonSchemaOrReference(schema, REFERENCES), name).toEqual(byLibrary(schema, NAMED));
    }
  });

  it("is the library's, written out without references", () => {
    for (const [name, schema] of [...Object.entries(NAMED), ...ofOperations]) {
      expect(jsonSchema(schema, new Map()), name).toEqual(byLibrary(schema, {}));
    }
  });

  const piped = v.pipe(v.string(), v.minLength(2));
  it.each<[string, v.GenericSchema]>([
    ["a pipe in a pipe", v.pipe(piped, v.maxLength(9), v.metadata({ title: "t" }))],
    ["a stricter bound", v.pipe(piped, v.minLength(3), v.maxLength(5))],
    ["a laxer bound", v.pipe(piped, v.minLength(1))],
    ["bounds of a number", v.pipe(v.number(), v.minValue(0), v.minValue(-1), v.maxValue(7), v.maxValue(9))],
    ["bounds of a list", v.pipe(v.array(v.boolean()), v.minLength(1), v.maxLength(2))],
    ["what is before a transformation", v.pipe(piped, v.transform(Number), v.minValue(5))],
    [
      "a transformation within",
      v.pipe(
        v.pipe(v.string(), v.transform(Number)),
        v.check((n) => n > 1, "more"),
      ),
    ],
    [
      "a check without a hint",
      v.pipe(
        v.string(),
        v.check((text) => text !== ""),
      ),
    ],
    [
      "the last of two hints",
      v.pipe(
        v.string(),
        v.check(() => true, "a"),
        v.check(() => true, "b"),
      ),
    ],
    ["a default", v.object({ a: v.optional(v.string(), "x"), b: v.nullable(v.number(), 1) })],
    ["a default that is made", v.optional(v.array(v.string()), () => ["x"])],
    ["a strict object", v.strictObject({ a: v.literal(7) })],
    ["a loose object", v.looseObject({ a: v.literal(7) })],
    ["a record", v.record(v.pipe(v.string(), v.uuid()), v.union([v.boolean(), v.literal("x")]))],
  ])("is the library's: %s", (_, schema) => {
    expect(jsonSchema(schema, new Map())).toEqual(byLibrary(schema, {}));
  });
});

describe("a schema that cannot be described", () => {
  it.each<[string, v.GenericSchema]>([
    ["date", v.date()],
    ["object_with_rest", v.objectWithRest({ a: v.string() }, v.string())],
    ["nullish", v.object({ a: v.nullish(v.string()) })],
    ["tuple", v.array(v.tuple([v.string()]))],
    ["picklist", v.picklist([1, 2])],
    ["lazy", v.lazy(() => v.string())],
    ["email", v.pipe(v.string(), v.email())],
    [
      "raw_check",
      v.pipe(
        v.string(),
        v.rawCheck(() => {}),
      ),
    ],
    ["trim", v.pipe(v.string(), v.trim())],
    ["non_empty", v.pipe(v.array(v.string()), v.nonEmpty())],
    ["regex", v.pipe(v.string(), v.regex(/a/i))],
    ["regex", v.pipe(v.string(), v.regex(/a/), v.regex(/b/))],
    ["regex", v.pipe(v.string(), v.metadata({ pattern: "a" }), v.regex(/b/))],
    ["number", v.pipe(v.string(), v.number() as unknown as v.GenericSchema<string>)],
    ["unknown", v.record(v.string(), v.unknown())],
  ])("is named: %s", (name, schema) => {
    expect(() => jsonSchema(schema, new Map())).toThrow(`cannot describe "${name}"`);
  });
});
