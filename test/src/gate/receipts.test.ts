import { describe, expect, it } from "vitest";
import { RECEIPT_EVERY_MS, WipeReceipts } from "../../../src/gate/receipts.ts";

const LOSS = "3a1b@1000";
const NOW = 1_000_000;

describe("wipe receipts", () => {
  it("tell the first wipe answer at once, and then count in silence", () => {
    const receipts = new WipeReceipts();
    expect(receipts.note(LOSS, false, NOW)).toEqual({ count: 1, tokenRefresh: false });
    expect(receipts.note(LOSS, false, NOW + 1)).toBeUndefined();
    expect(receipts.note(LOSS, false, NOW + RECEIPT_EVERY_MS - 1)).toBeUndefined();
    expect(receipts.note(LOSS, false, NOW + RECEIPT_EVERY_MS)).toEqual({ count: 3, tokenRefresh: false });
  });

  it("tell the first token call at once, with what was counted before", () => {
    const receipts = new WipeReceipts();
    receipts.note(LOSS, false, NOW);
    receipts.note(LOSS, false, NOW + 1);
    expect(receipts.note(LOSS, true, NOW + 2)).toEqual({ count: 2, tokenRefresh: true });
    expect(receipts.note(LOSS, true, NOW + 3)).toBeUndefined();
  });

  it("count each device, and each loss of it, apart", () => {
    const receipts = new WipeReceipts();
    expect(receipts.note(LOSS, true, NOW)).toBeDefined();
    expect(receipts.note("3a1b@2000", true, NOW + 1)).toEqual({ count: 1, tokenRefresh: true });
    expect(receipts.note("77aa@1000", false, NOW + 1)).toEqual({ count: 1, tokenRefresh: false });
  });

  it("lose nothing when the registry could not be told", () => {
    const receipts = new WipeReceipts();
    const receipt = receipts.note(LOSS, true, NOW);
    expect(receipt).toBeDefined();
    if (receipt !== undefined) receipts.takeBack(LOSS, receipt);
    expect(receipts.note(LOSS, false, NOW + 1)).toEqual({ count: 2, tokenRefresh: true });
  });

  it("are bounded: the oldest loss is forgotten, and told again", () => {
    const receipts = new WipeReceipts();
    receipts.note(LOSS, false, NOW);
    for (let index = 0; index < 1_000; index++) receipts.note(`other-${index}`, false, NOW);
    expect(receipts.note(LOSS, false, NOW + 1)).toEqual({ count: 1, tokenRefresh: false });
  });
});
