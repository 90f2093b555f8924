import { expect, it } from "vitest";
import { Ledger } from "../../../scripts/chaos/ledger.ts";

it("accepts after a lost answer what was there before, and what was sent", () => {
  for (const found of ["active", "suspended"]) {
    const ledger = new Ledger("active");
    ledger.begin("suspended", "suspend");
    expect(ledger.isCertain).toBe(false);
    expect(ledger.compare("phone", found, found === "active" ? [] : ["suspend"])).toEqual([]);
    expect([ledger.state, ledger.isCertain]).toEqual([found, true]);
  }
});

it("misses what was acknowledged, what was refused and came, and a line of the log", () => {
  const ledger = new Ledger("active");
  ledger.begin("suspended", "suspend");
  ledger.acknowledge();
  expect(ledger.compare("phone", "active", ["suspend"])).toEqual([
    "phone should be suspended, and is active",
  ]);
  ledger.begin("revoked", "revoke");
  ledger.refuse();
  expect(ledger.compare("phone", "revoked", ["suspend"])).toEqual(["phone should be active, and is revoked"]);
  ledger.begin("absent", "forget");
  ledger.acknowledge();
  expect(ledger.compare("phone", "absent", ["suspend"])).toEqual([
    "phone was changed by suspend, forget; its audit log has suspend",
  ]);
});

it("asks for the line of a change that was made and never answered", () => {
  const ledger = new Ledger("active");
  ledger.begin("revoked", "revoke");
  expect(ledger.compare("phone", "revoked", [])).toEqual(["phone was changed by revoke; its audit log has "]);
});
