import { describe, expect, it } from "vitest";
import { LogReader } from "../../../scripts/cli/watch/log-reader.ts";

/** Reads a text in pieces of so many characters. */
function read(text: string, size = text.length): object[] {
  const reader = new LogReader();
  const found: object[] = [];
  for (let at = 0; at < text.length; at += size) found.push(...reader.read(text.slice(at, at + size)));
  return [...found, ...reader.end()];
}

const ONE = { event: "refused", path: "/a{b}", list: [{ deep: ["}", "{"] }] };
const TWO = { logs: [{ message: ['{"event":"refused"}'] }], empty: {} };
const pretty = (value: object) => JSON.stringify(value, null, 2);

describe("the objects of a log", () => {
  it.each([
    ["one a line", `${JSON.stringify(ONE)}\n${JSON.stringify(TWO)}\n`],
    ["without a line break at the end", `${JSON.stringify(ONE)}\n${JSON.stringify(TWO)}`],
    ["over many lines", `${pretty(ONE)}\n${pretty(TWO)}\n`],
    ["over many lines, as Windows ends them", `${pretty(ONE)}\n${pretty(TWO)}\n`.replaceAll("\n", "\r\n")],
    ["both, with blank lines between", `\n${pretty(ONE)}\n\n${JSON.stringify(TWO)}\n\n`],
    [
      "among a program's words",
      `Successfully created tail\n } {\n${pretty(ONE)}\nwarn: {\n${pretty(TWO)}\nbye`,
    ],
    ["after half an object", `{"cut": "of\n${pretty(ONE)}\n{\n  "cut": {\n${pretty(TWO)}\n`],
    ["after what only looks like one", `{not json}\n${JSON.stringify(ONE)}\n{\n}}\n${JSON.stringify(TWO)}\n`],
  ])("%s", (_, text) => {
    for (const size of [1, 7, text.length]) expect(read(text, size)).toEqual([ONE, TWO]);
  });

  it("of another kind are none", () => {
    expect(read('[1]\n"text"\n12\nnull\ntrue\n\n')).toEqual([]);
  });

  it("that never end do not fill the memory, and do not hide the next one", () => {
    const reader = new LogReader();
    expect(reader.read('{"endless": "')).toEqual([]);
    const much = "x".repeat(1024 * 1024);
    const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
    for (let i = 0; i < 300; i++) expect(reader.read(`${much}${i}`)).toEqual([]);
    expect(process.memoryUsage().heapUsed + process.memoryUsage().external - before).toBeLessThan(100e6);
    expect(reader.read(`"}\n${JSON.stringify(ONE)}\n`)).toEqual([ONE]);

    expect(reader.read("{\n")).toEqual([]);
    for (let i = 0; i < 30; i++) expect(reader.read(`  "${much}${i}": 1,\n`)).toEqual([]);
    expect(reader.read(`}\n${pretty(ONE)}\n`)).toEqual([ONE]);
  });
});
