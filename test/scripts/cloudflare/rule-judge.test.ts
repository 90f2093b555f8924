import { describe, expect, it } from "vitest";
import { type Judgement, judgeRules } from "../../../scripts/cloudflare/doctor/rules/judge.ts";
import { rule } from "./states.ts";

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
  ["answers-first", 'http.host ne "vault.example.com" or ip.src.country ne "CH"'],
  ["answers-first", 'not (http.host eq "a.example.com" and ssl)'],
  ["answers-first", 'not http.host ne "vault.example.com"'],
  ["answers-first", 'not (http.host ne "vault.example.com")'],
  ["answers-first", '!(http.host != "vault.example.com" and ssl)'],
  ["answers-first", 'not not http.host eq "vault.example.com"'],
  ["answers-first", 'not (not http.host in {"vault.example.com"})'],
  ["harmless", 'not ip.src in {192.0.2.1} and not http.host eq "vault.example.com"'],
  ["answers-first", 'not (http.host eq "vault.example.com" and ip.src.country eq "CH")'],
  ["unclear", '(http.host eq "a.example.com") xor ssl'],
  ["unclear", ""],
  // As Cloudflare stores it, and as people type it: parentheses, white space, letter case, both spellings.
  ["answers-first", 'http.host eq "vault.example.com" and not cf.tls_client_auth.cert_verified'],
  ["answers-first", '((http.host eq "vault.example.com"))'],
  ["answers-first", '  ( HTTP.HOST   EQ\n"vault.example.com" )  '],
  ["answers-first", 'http.host=="vault.example.com"&&!ssl'],
  ["answers-first", 'http.host in{"a.example.com"\n  "vault.example.com"}'],
  ["answers-first", 'http.host eq r"vault.example.com"'],
  ["answers-first", 'lower(http.host) eq "vault.example.com"'],
  ["answers-first", "( TRUE )"],
  ["answers-first", '(http.host ne "a.example.com" and not cf.tls_client_auth.cert_verified)'],
  ["harmless", '((http.host eq "a.example.com") or ((http.host eq "b.example.com")))'],
  ["harmless", '(http.host eq "a.example.com" or http.host eq "b.example.com") and ssl'],
  ["harmless", 'http.host=="a.example.com"||http.host in{"b.example.com"}'],
  ["harmless", 'NOT(http.host IN {"vault.example.com"})AND ssl'],
  ["harmless", '((ip.src.country ne "CH") && (http.host != "vault.example.com"))'],
  ["harmless", 'http.request.uri.path contains ") or (" and http.host eq "a.example.com"'],
  ["harmless", 'http.host eq "a.example.com" and any(http.request.headers["x"][*] eq "or")'],
  ["harmless", 'http.host eq r#"a".example.com"#'],
  ["harmless", "false"],
  // `and` binds tighter than `or`.
  ["unclear", 'ssl or http.host eq "a.example.com" and http.host ne "vault.example.com"'],
  ["harmless", '(ssl or http.host eq "a.example.com") and http.host ne "vault.example.com"'],
  // Letter case of a hostname: not documented, so it neither names the host nor excludes it for sure.
  ["unclear", 'http.host ne "Vault.Example.com" and ssl'],
  ["answers-first", 'http.host eq "Vault.Example.com"'],
  ["unclear", "http.host in $hosts"],
  ["unclear", 'http.host eq "vault.example\\.com" and ssl'],
  ["unclear", 'http.host eq "a.example.com" and ('],
  ["unclear", 'http.host eq "a.example.com" and'],
  ["unclear", 'http.host eq "a.example.com")'],
  ["unclear", 'http.host eq "a.example.com'],
  ["answers-first", `${"(".repeat(199)}http.host eq "vault.example.com"${")".repeat(199)}`],
  ["harmless", Array(300).fill('(http.host eq "a.example.com")').join(" or ")],
];

describe("a rule that blocks", () => {
  it.each(EXPRESSIONS)("is %s on vault.example.com: %s", (expected, expression) => {
    expect(judgeRules([rule(expression)], "vault.example.com")[0]?.judgement).toBe(expected);
  });

  it.each([
    ["(", 201],
    ["(", 20_000],
    ["not (", 20_000],
  ])("is unclear, and does not end the doctor, with %s %i times", (open, times) => {
    const expression = `${open.repeat(times)}http.host eq "vault.example.com"${")".repeat(times)}`;
    expect(judgeRules([rule(expression)], "vault.example.com")[0]?.judgement).toBe("unclear");
  });

  it.each([
    ['(http.host eq "vault.example.com")', "harmless"],
    ['( http.host in { "vault.example.com" } )', "harmless"],
    ['http.host eq "vault.example.com" and ssl', "answers-first"],
  ])("spares a host only where a skip takes all of its requests: %s", (expression, expected) => {
    const skip = rule(expression, { action: "skip", skips: ["current"] });
    expect(judgeRules([skip, rule("true")], "vault.example.com")[1]?.judgement).toBe(expected);
  });
});

describe("a rule that answers with something else", () => {
  const ours = 'http.host eq "vault.example.com"';
  it.each<[Judgement, string, number | undefined, string]>([
    ["answers-first", "redirect", undefined, ours],
    ["answers-first", "redirect", undefined, "true"],
    ["unclear", "redirect", undefined, "ssl"],
    ["harmless", "redirect", undefined, 'http.host eq "a.example.com"'],
    ["answers-first", "serve_error", 403, ours],
    ["harmless", "serve_error", 503, ours],
    ["unclear", "serve_error", undefined, ours],
    ["harmless", "serve_error", undefined, 'http.host eq "a.example.com"'],
  ])("is %s: %s with %s on %s", (expected, action, status, expression) => {
    expect(judgeRules([rule(expression, { action, status })], "vault.example.com")[0]?.judgement).toBe(
      expected,
    );
  });
});
