import { describe, expect, it } from "vitest";
import {
  CODES_MAX,
  FORGIVEN_AFTER_MS,
  FREE_SIGN_INS,
  networkOf,
  waitMs,
} from "../../../src/registry/throttle.ts";

const NOW = Date.UTC(2026, 10, 25, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

describe("the wait after wrong sign-ins", () => {
  it.each([
    [0, 0],
    [1, 0],
    [FREE_SIGN_INS, 0],
    [5, 15 * SECOND],
    [6, 30 * SECOND],
    [7, MINUTE],
    [8, 2 * MINUTE],
    [9, 4 * MINUTE],
    [10, 8 * MINUTE],
    [11, 15 * MINUTE],
    [12, 15 * MINUTE],
    [5_000, 15 * MINUTE],
  ])("after %d it is %d ms", (count, wait) => {
    expect(waitMs("sign-in", { count, lastAt: NOW }, NOW)).toBe(wait);
    expect(waitMs("sign-in", { count, lastAt: NOW }, NOW + wait)).toBe(0);
    if (wait > 0) expect(waitMs("sign-in", { count, lastAt: NOW }, NOW + wait - 1)).toBe(1);
  });

  it("stays below 20 guesses in the first hour, and 100 a day, from one network", () => {
    let count = 0;
    let lastAt = 0;
    const guesses: number[] = [];
    for (let at = NOW; at < NOW + 24 * HOUR; at += 5 * SECOND) {
      if (waitMs("sign-in", { count, lastAt }, at) > 0) continue;
      count += 1;
      lastAt = at;
      guesses.push(at - NOW);
    }
    expect(guesses.filter((at) => at < HOUR).length).toBeLessThan(20);
    expect(guesses.length).toBeLessThan(110);
  });
});

describe("the wait after wrong codes", () => {
  it("is none up to the ninth, and an hour from the tenth on", () => {
    expect(CODES_MAX).toBe(10);
    expect(waitMs("code", { count: 9, lastAt: NOW }, NOW)).toBe(0);
    expect(waitMs("code", { count: 10, lastAt: NOW }, NOW)).toBe(HOUR);
    expect(waitMs("code", { count: 11, lastAt: NOW }, NOW + HOUR - 1)).toBe(1);
    expect(waitMs("code", { count: 11, lastAt: NOW }, NOW + HOUR)).toBe(0);
  });
});

it("nobody waits longer because another clock was ahead", () => {
  expect(waitMs("sign-in", { count: 1, lastAt: NOW + 5 }, NOW)).toBe(0);
  expect(waitMs("sign-in", { count: 5, lastAt: NOW + HOUR }, NOW)).toBe(15 * SECOND);
  expect(waitMs("code", { count: 10, lastAt: NOW + HOUR }, NOW)).toBe(HOUR);
});

it("nothing is forgiven while it must still be waited for", () => {
  for (const kind of ["sign-in", "code"] as const) {
    expect(waitMs(kind, { count: 10_000, lastAt: NOW }, NOW)).toBeLessThanOrEqual(FORGIVEN_AFTER_MS[kind]);
  }
});

describe("the network of an address", () => {
  it.each([
    ["198.51.100.7", "198.51.100.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::1", "2001:db8:1:2::/64"],
    ["2001:DB8:0001:0002:FFFF:FFFF:FFFF:FFFF", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:0:0:1::", "2001:db8:0:0::/64"],
    ["2001:0:0:2:3:4:5:6", "2001:0:0:2::/64"],
    ["2001::2:3:4:5:6", "2001:0:0:2::/64"],
    ["::", "0:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1", "fe80:0:0:0::/64"],
    ["::ffff:198.51.100.7", "0:0:0:0::/64"],
    ["64:ff9b::198.51.100.7", "64:ff9b:0:0::/64"],
  ])("%s -> %s", (ip, network) => {
    expect(networkOf(ip)).toBe(network);
  });

  it.each([
    ["none", null],
    ["an empty text", ""],
    ["a name", "localhost"],
    ["with a port", "[2001:db8::1]:443"],
    ["with a zone", "fe80::1%eth0"],
    ["with a prefix", "2001:db8::/32"],
    ["a group too many", "1:2:3:4:5:6:7:8:9"],
    ["a URL inside", "::1]/@evil["],
    ["a list", "198.51.100.7, 203.0.113.1"],
  ])("what is no address counts as one network: %s", (_, ip) => {
    expect(networkOf(ip)).toBe("unknown");
  });
});
