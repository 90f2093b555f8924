import { createConfig, lintFromString } from "@redocly/openapi-core";
import { describe, expect, it } from "vitest";
import { describeApi } from "../../src/api/openapi.ts";
import { OPERATIONS } from "../../src/contract/operations.ts";

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { required: boolean };
  responses: Record<string, object>;
  "x-latchkey-needs": string;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; responses: Record<string, unknown> };
}

const description = describeApi() as unknown as Description;

async function complaints(of: object): Promise<unknown[]> {
  const config = await createConfig({
    extends: ["recommended"],
    // What the ruleset only warns of, or leaves to taste, and we want.
    rules: {
      "no-unused-components": "error",
      "no-http-verbs-in-paths": "error",
      "operation-operationId": "error",
      "operation-description": "error",
      "operation-tag-defined": "error",
      "operation-singular-tag": "error",
      "operation-4xx-problem-details-rfc7807": "error",
      "path-params-defined": "error",
    },
  });
  const source = JSON.stringify(of);
  const problems = await lintFromString({ source, absoluteRef: "/openapi.json", config });
  return problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]);
}

describe("the description of the API", () => {
  it("has nothing that a linter would complain of: no error, and no warning", async () => {
    expect(await complaints(description)).toEqual([]);
  });

  it("is looked at by that linter", async () => {
    const { UserId: _, ...schemas } = description.components.schemas;
    const broken = { ...description, components: { ...description.components, schemas }, extra: 1 };
    const rules = (await complaints(broken)).map((complaint) => (complaint as string[])[0]);
    expect(rules).toContain("no-unresolved-refs");
    expect(rules).toContain("struct");
  });

  it("has every operation of the table, by its id", () => {
    const described = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId }]) => [method.toUpperCase(), path, operationId]),
    );
    const routed = Object.entries(OPERATIONS).map(([id, { method, path }]) => [
      method,
      path.replaceAll(/:(\w+)/g, "{$1}"),
      id,
    ]);
    expect(described.sort()).toEqual(routed.sort());
    for (const id of Object.keys(OPERATIONS)) expect(id).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
  });

  it("tells what a check demands: lengths, patterns, enums, formats, and what only code can check", () => {
    expect(description.components.schemas).toMatchObject({
      UserId: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
      DeviceName: { minLength: 1, maxLength: 64 },
      Fingerprint: {
        pattern: expect.stringMatching(/64.*\|.*31/),
        description: expect.stringMatching(/SHA-256/),
      },
      Device: {
        properties: {
          status: { enum: ["pending", "active", "suspended", "lost", "revoked"] },
          enrolledAt: { format: "date-time" },
        },
      },
      EnrolRequest: {
        required: ["name"],
        additionalProperties: false,
        properties: { note: { maxLength: 500 }, fingerprint: { $ref: "#/components/schemas/Fingerprint" } },
        description: "give either a fingerprint or a certificate",
      },
      PutUserRequest: { properties: { name: { minLength: 1, maxLength: 100 } } },
      CreateInvitationRequest: { properties: { expiresInSeconds: { minimum: 300, maximum: 604800 } } },
    });
  });

  it("describes every schema: none takes just anything, as one would that only code can check", () => {
    const empty: string[] = [];
    const visit = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      const entries = Object.entries(value);
      if (entries.length === 0 && !/\/(required|default|token)$/.test(path)) empty.push(path);
      for (const [name, inner] of entries) visit(inner, `${path}/${name}`);
    };
    visit(description, "");
    expect(empty).toEqual([]);
  });

  it("describes the bounds of a page, which are digits in a query, by their pattern", () => {
    const [, limit] = description.paths["/users/{user}/devices"]?.get?.parameters ?? [];
    const { pattern } = (limit?.schema ?? {}) as { pattern?: string };
    const takes = (text: string) => new RegExp(pattern ?? "nothing", "u").test(text);
    expect(Array.from({ length: 600 }, (_, n) => n).filter((n) => takes(String(n)))).toEqual(
      Array.from({ length: 500 }, (_, n) => n + 1),
    );
    expect(["", "-1", "1e2", "1.5", "5000", " 1"].filter(takes)).toEqual([]);
  });

  it("tells of an operation what it takes and which answers it has", () => {
    expect(description.paths["/users/{user}/devices"]?.get).toMatchObject({
      "x-latchkey-needs": "see",
      parameters: [
        { name: "user", in: "path", required: true, schema: { $ref: "#/components/schemas/UserId" } },
        {
          name: "limit",
          in: "query",
          required: false,
          schema: { type: "string", default: "100", pattern: expect.any(String) },
        },
        { name: "after", in: "query", required: false },
      ],
    });
    const statuses = (path: string, method: string) =>
      Object.keys(description.paths[path]?.[method]?.responses ?? {}).map(Number);
    expect(statuses("/me", "get")).toEqual([200, 401, 500, 503]);
    expect(statuses("/users", "get")).toEqual([200, 400, 401, 403, 500, 503]);
    expect(statuses("/users/{user}/devices", "get")).toEqual([200, 400, 401, 404, 500, 503]);
    expect(statuses("/users/{user}/devices", "post")).toEqual([
      200, 201, 400, 401, 403, 404, 409, 413, 415, 422, 500, 503,
    ]);
    expect(statuses("/sessions", "delete")).toEqual([204, 401, 403, 500, 503]);
    expect(description.components.responses.UnknownUserOrUnknownDevice).toMatchObject({
      content: {
        "application/problem+json": {
          schema: {
            allOf: [
              { $ref: "#/components/schemas/Problem" },
              { properties: { code: { enum: ["unknown-user", "unknown-device"] } } },
            ],
          },
        },
      },
    });
    expect(description.components.responses.RegistryUnavailable).toMatchObject({
      headers: { "Retry-After": {} },
    });
  });

  it("demands a body where none would be refused", () => {
    const demanded = Object.values(description.paths)
      .flatMap((path) => Object.values(path))
      .filter(({ requestBody }) => requestBody?.required)
      .map(({ operationId }) => operationId);
    expect(demanded.sort()).toEqual([
      "addCertificate",
      "admitPerson",
      "createDeviceToken",
      "createToken",
      "editDevice",
      "editUser",
      "enrolDevice",
      "enrolUnknownCertificate",
      "limitDevice",
      "reportDeviceLost",
      "restoreAudit",
      "restoreDirectory",
      "restoreUser",
      "restoreUserAudit",
    ]);
  });
});
