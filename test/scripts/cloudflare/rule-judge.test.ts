import { describe, expect, it } from "vitest";
import { type Judgement, judgeRules } from "../../../scripts/cloudflare/rule-judge.ts";
import { rule } from "./facts.ts";

// biome-ignore format: a table is read by its columns.
const EXPRESSIONS: [Judgement, string][] = [
  ["answers-first", "true"],
  ["answers-first", 'http.host eq "vault.example.com"'],
  ["answers-first", '(http.host == "vault.example.com" and not cf.tls_client_auth.cert_verified)'],
  ["answers-first", 'http.host in {"a.example.com" "vault.example.com"}'],
  ["answers-first", '(http.host eq "a.example.com") or (http.host eq "vault.example.com")'],
  ["answers-first", "(not cf.tls_client_auth.cert_verified)"],
  ["harmless", 'http.host eq "a.example.com"'],
  ["harmless", 'http.host eq "a.example.com" and ip.src.country eq "CH"'],
  ["harmless", '(http.host eq "a.example.com") or (http.host eq "b.example.com" and ssl)'],
  ["harmless", '(http.host eq "a.example.com" or http.host eq "b.example.com")'],
  ["harmless", 'ip.src.country ne "CH" and http.host ne "vault.example.com"'],
  ["harmless", 'not http.host in {"vault.example.com" "b.example.com"} and ip.src.country ne "CH"'],
  ["harmless", 'not (http.host eq "vault.example.com") and ssl'],
  ["unclear", 'ip.src.country ne "CH"'],
  ["unclear", 'http.host contains "example"'],
  ["unclear", 'ends_with(http.host, ".example.com")'],
  // What would be a wrong pass: the host is in the expression, and not excluded by it.
  ["unclear", 'http.host ne "vault.example.com" or ip.src.country ne "CH"'],
  ["unclear", 'not (http.host eq "a.example.com" and ssl)'],
  ["unclear", 'not http.host ne "vault.example.com"'],
  ["unclear", 'not (http.host ne "vault.example.com")'],
  ["unclear", '!(http.host != "vault.example.com" and ssl)'],
  ["unclear", 'not not http.host eq "vault.example.com"'],
  ["unclear", 'not (not http.host in {"vault.example.com"})'],
  ["harmless", 'not ip.src in {192.0.2.1} and not http.host eq "vault.example.com"'],
  ["answers-first", 'not (http.host eq "vault.example.com" and ip.src.country eq "CH")'],
  ["unclear", '(http.host eq "a.example.com") xor ssl'],
  ["unclear", ""],
];

describe("a rule that blocks", () => {
  it.each(EXPRESSIONS)("is %s on vault.example.com: %s", (expected, expression) => {
    expect(judgeRules([rule(expression)], "vault.example.com")[0]?.judgement).toBe(expected);
  });
});
