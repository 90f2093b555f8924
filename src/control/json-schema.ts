// No I/O. No clock.
import { type GenericSchema, getDefault } from "valibot";

// What the contract's schemas say, in JSON Schema (draft 2020-12). It knows the schemas and actions that the
// contract uses and throws at every other one, so that none is described wrongly. Why there is no library for
// it: docs/decisions/0001-own-json-schema.md.

export type Json = Record<string, unknown>;

/** By schema, where it is described: it is referred to instead of written out. */
export type References = ReadonlyMap<GenericSchema, string>;

type Schema =
  | { type: "string" | "number" | "boolean" }
  | { type: "array"; item: GenericSchema }
  | { type: "object" | "loose_object" | "strict_object"; entries: Record<string, GenericSchema> }
  | { type: "record"; key: GenericSchema; value: GenericSchema }
  | { type: "optional" | "nullable"; wrapped: GenericSchema }
  | { type: "picklist"; options: readonly unknown[] }
  | { type: "literal"; literal: unknown }
  | { type: "union"; options: readonly GenericSchema[] };

type Action =
  | { type: "check"; message: unknown }
  | { type: "integer" | "iso_timestamp" | "uuid" }
  | { type: "metadata"; metadata: Json }
  | { type: "regex"; requirement: RegExp }
  | { type: "min_value" | "max_value" | "min_length" | "max_length"; requirement: number };

type Piped = GenericSchema & { pipe?: readonly [Piped, ...(Piped | Action)[]] };

/**
 * What a schema takes, written out. Throws at what it does not know, with its name. Checks by code alone ("custom")
 * say nothing; what they stand before does.
 */
export function jsonSchema(schema: GenericSchema, references: References): Json {
  const [first, ...actions] = partsOf(schema).filter(({ type }) => type !== "custom");
  let json = schemaOf(first as Schema, references);
  for (const action of actions) {
    // Behind it, the schema is about what comes out.
    if (action.type === "transform") break;
    json = { ...json, ...actionOf(action as Action, json) };
  }
  return json;
}

/** The same, or the reference to it. */
export function jsonSchemaOrReference(schema: GenericSchema, references: References): Json {
  const $ref = references.get(schema);
  return $ref === undefined ? jsonSchema(schema, references) : { $ref };
}

/** A schema and the actions behind it. The schema that begins a pipe may be a pipe itself. */
function partsOf(part: Piped | Action): (Piped | Action)[] {
  return "pipe" in part && part.pipe !== undefined ? part.pipe.flatMap(partsOf) : [part];
}

function schemaOf(schema: Schema, references: References): Json {
  const inner = (each: GenericSchema) => jsonSchemaOrReference(each, references);
  switch (schema.type) {
    case "string":
    case "number":
    case "boolean":
      return { type: schema.type };
    case "array":
      return { type: "array", items: inner(schema.item) };
    case "object":
    case "loose_object":
    case "strict_object": {
      const entries = Object.entries(schema.entries);
      return {
        type: "object",
        properties: Object.fromEntries(entries.map(([name, entry]) => [name, inner(entry)])),
        required: entries.filter(([, entry]) => entry.type !== "optional").map(([name]) => name),
        ...(schema.type === "strict_object" ? { additionalProperties: false } : {}),
      };
    }
    case "record":
      return {
        type: "object",
        propertyNames: inner(schema.key),
        additionalProperties: inner(schema.value),
      };
    case "optional":
      return { ...inner(schema.wrapped), ...defaultOf(schema) };
    case "nullable":
      return { anyOf: [inner(schema.wrapped), { type: "null" }], ...defaultOf(schema) };
    case "picklist":
      if (!schema.options.every((option) => typeof option === "string")) break;
      return { type: "string", enum: schema.options };
    case "literal":
      return { const: schema.literal };
    case "union":
      return { anyOf: schema.options.map(inner) };
  }
  throw unknown(schema);
}

function defaultOf(schema: Schema): Json {
  const value = getDefault(schema as unknown as GenericSchema);
  return value === undefined ? {} : { default: value };
}

/** What an action adds to what is said so far. Checks by code are described by their hint, if they have one. */
function actionOf(action: Action, json: Json): Json {
  switch (action.type) {
    case "check":
      return typeof action.message === "string" ? { description: action.message } : {};
    case "metadata":
      return action.metadata;
    case "integer":
      return { type: "integer" };
    case "iso_timestamp":
      return { format: "date-time" };
    case "uuid":
      return { format: "uuid" };
    case "regex":
      // JSON Schema knows no flags, and one pattern.
      if (action.requirement.flags !== "" || "pattern" in json) break;
      return { pattern: action.requirement.source };
    case "min_value":
      return bound("minimum", action.requirement, json, Math.max);
    case "max_value":
      return bound("maximum", action.requirement, json, Math.min);
    case "min_length":
      return bound(json.type === "array" ? "minItems" : "minLength", action.requirement, json, Math.max);
    case "max_length":
      return bound(json.type === "array" ? "maxItems" : "maxLength", action.requirement, json, Math.min);
  }
  throw unknown(action);
}

/** Of two bounds, the stricter one holds. */
function bound(name: string, value: number, json: Json, stricter: typeof Math.max): Json {
  const said = json[name];
  return { [name]: typeof said === "number" ? stricter(said, value) : value };
}

function unknown({ type }: { type: string }): Error {
  return new Error(`json-schema.ts cannot describe "${type}"`);
}
