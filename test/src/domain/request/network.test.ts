import { expect, it } from "vitest";
import { networkOf } from "../../../../src/domain/request/network.ts";

it.each([
  ["198.51.100.7", "198.51.100.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8:1:2::6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["2001:db8::", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["::ffff:198.51.100.7", "0:0:0:0"],
  ["", ""],
  [null, ""],
  ["not:an:address", "not:an:address"],
])("the network of %j is %j", (ip, network) => {
  expect(networkOf(ip)).toBe(network);
});
