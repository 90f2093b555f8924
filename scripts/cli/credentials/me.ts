import type { Me } from "../../../src/contract/requests.ts";
import { printable } from "../../terminal/text.ts";
import type { AddCommand } from "../command/session.ts";

export const addMe: AddCommand = (program, open) => {
  program
    .command("me")
    .alias("whoami")
    .summary("show who the gate takes you for")
    .description("Show who the gate takes you for: whose token is used, and what it may do.")
    .action(async () => {
      const { output, ...session } = open();
      const api = await session.api();
      const me = await api.me();
      output.object(me);
      output.facts([
        ["gate", api.origin],
        ["known as", printable(me.actor)],
        ["may", powers(me)],
      ]);
    });
};

/** What the credentials are good for, in words. */
export function powers({ scope, user }: Pick<Me, "scope" | "user">): string {
  const whose = user === null ? "everybody's devices" : `the devices of ${printable(user)}`;
  switch (scope) {
    case "root":
      return "do everything";
    case "devices":
      return `see and change ${whose}`;
    default:
      return `see ${whose}`;
  }
}
