import { describe, expect, it } from "vitest";
import { isShown } from "../../../scripts/cli/block/block-list.ts";
import { type Fingerprint, parseFingerprint } from "../../../src/domain/fingerprint.ts";

describe("the gate's list", () => {
  const [a, b] = ["a", "b"].map((digit) => parseFingerprint(digit.repeat(64))) as [Fingerprint, Fingerprint];
  /** A clock that only pauses move. */
  const clock = () => {
    let time = 0;
    return {
      now: () => time,
      pause: async () => {
        time += 2000;
      },
    };
  };

  it("is waited for until it is the new one, whatever its order", async () => {
    const answers = [[], [a], [b, a]];
    expect(await isShown(async () => answers.shift() ?? [], [a, b], clock())).toBe(true);
    expect(answers).toEqual([]);
  });

  it("is waited for no longer than a minute", async () => {
    let asked = 0;
    const read = async () => {
      asked += 1;
      return [a];
    };
    expect(await isShown(read, [a, b], clock())).toBe(false);
    expect(asked).toBe(31);
  });
});
