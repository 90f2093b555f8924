import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { BLOCKED_TEMPLATE, BlockList, parseBlocked } from "../../../scripts/edge/state/blocked.ts";
import { temporaryFolder } from "./client.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);

it("reads fingerprints, and skips comments and blank lines", () => {
  expect(parseBlocked(BLOCKED_TEMPLATE)).toEqual({ entries: [], problems: [] });
  const text = `# phones\r\n${A.toUpperCase()}\r\n\n  ${B.replace(/..(?!$)/g, "$&:")}  # the tablet\n`;
  expect(parseBlocked(text)).toEqual({ entries: [A, B], problems: [] });
});

it("names the line that is no fingerprint, and keeps what it says", () => {
  const { entries, problems } = parseBlocked(`${A}\nalice/phone\n`);
  expect(entries).toEqual([A, "alice/phone"]);
  expect(problems).toEqual([expect.stringMatching(/^blocked\.txt, line 2: a fingerprint is /)]);
});

it("is the file as it is now, after the variable, and reports a bad line once", async () => {
  const [folder, remove] = await temporaryFolder();
  const path = join(folder, "blocked.txt");
  const reported: string[] = [];
  const report = ({ message }: Error) => reported.push(message);
  const alone = new BlockList(path, undefined, report);
  const beside = new BlockList(path, B, () => undefined);
  const broken = new BlockList(path, 5, () => undefined);
  const values = () => Promise.all([alone, beside, broken].map((list) => list.value()));

  expect(await values()).toEqual([undefined, undefined, undefined]);
  await writeFile(path, `${A}\n`);
  expect(await values()).toEqual([A, `${B},${A}`, 5]);
  await writeFile(path, `${A}\nthe phone\n`);
  expect(await values()).toEqual([`${A},the phone`, `${B},${A},the phone`, 5]);
  await values();
  expect(reported).toEqual([expect.stringMatching(/line 2.*everything is refused$/)]);
  await writeFile(path, "# nobody\n");
  expect(await values()).toEqual([undefined, undefined, undefined]);
  await remove();
});
