import { describe, expect, it } from "vitest";
import { hostnameOf, isHostname } from "../../../../src/domain/request/hostname.ts";

describe("isHostname", () => {
  it.each(["a", "localhost", "vault.example.com", "xn--bcher-kva.example", "1.2.3.4", "a-b.c", "9.example"])(
    "takes %s",
    (text) => {
      expect(isHostname(text)).toBe(true);
    },
  );

  it.each([
    ["nothing", ""],
    ["the default's star", "*"],
    ["a wildcard", "*.example.com"],
    ["capitals", "Vault.example.com"],
    ["a dot at the end", "vault.example.com."],
    ["a dot at the beginning", ".example.com"],
    ["two dots", "vault..example.com"],
    ["a port", "vault.example.com:443"],
    ["a scheme", "https://vault.example.com"],
    ["a path", "vault.example.com/*"],
    ["a hyphen at a label's beginning", "-vault.example.com"],
    ["a hyphen at a label's end", "vault-.example.com"],
    ["an underscore", "my_vault.example.com"],
    ["a blank", "vault.example.com "],
    ["a line break", "vault.example.com\n"],
    ["a letter outside ASCII", "bücher.example"],
    ["a label of 64 characters", `${"a".repeat(64)}.com`],
    ["254 characters", `${"a.".repeat(126)}aa`],
    ["an IPv6 address", "[::1]"],
  ])("turns down %s", (_, text) => {
    expect(isHostname(text)).toBe(false);
  });

  it("takes the longest label and the longest name", () => {
    expect(isHostname(`${"a".repeat(63)}.com`)).toBe(true);
    expect(isHostname(`${"a.".repeat(126)}a`)).toBe(true);
  });
});

describe("hostnameOf", () => {
  it.each([
    ["as it is", "https://vault.example.com/x?y"],
    ["in capitals", "https://VAULT.Example.COM/"],
    ["with a dot at the end", "https://vault.example.com./"],
    ["with a port", "https://vault.example.com:8443/"],
    ["with all three", "https://Vault.Example.com.:8443/x"],
    ["with credentials", "https://other.example.com@vault.example.com/"],
    ["percent-encoded", "https://v%61ult%2eexample.com/"],
    ["in full-width letters", "https://ｖault．example.com/"],
    ["by http", "http://vault.example.com/"],
  ])("names one host, written %s", (_, url) => {
    expect(hostnameOf(new URL(url))).toBe("vault.example.com");
  });
});
