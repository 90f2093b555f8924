import { type Command, Option } from "commander";
import type { Device } from "../../../src/contract/requests.ts";
import { type DeviceStatus, STATUS_ACTS, type StatusAct, transition } from "../../../src/domain/device.ts";
import { withHint } from "../../client/answer.ts";
import type { Api } from "../../client/api.ts";
import { LATCHKEY } from "../../terminal/called-as.ts";
import { misuse } from "../../terminal/failure.ts";
import { findDevice, referenceTo } from "../command/device-reference.ts";
import type { Session } from "../command/session.ts";
import { deviceLabel } from "./view.ts";

/** The delay is the Worker's `REVOCATION_DELAY_SECONDS`, which the API does not tell. */
export const EVERYWHERE = "everywhere within the revocation delay (10 s unless configured)";

/** `--reason`, which each of these commands takes. */
export function addReasonOption(command: Command, description: string): Command {
  command.option("--reason <text>", description).addOption(new Option("--note [text]").hideHelp());
  return command.on("option:note", () => {
    throw misuse(
      "why is given with --reason; --note is not for this command",
      `write --reason TEXT; the device's own note is changed with ${LATCHKEY} note`,
    );
  });
}

interface StatusCommand {
  act: StatusAct;
  device: string;
  reason: string | undefined;
  /** The question to ask first, if the act is one to be asked about. */
  question?: (label: string, device: Device) => string;
  /** What the act does, said before it is asked about; the device's name is to be typed then. */
  warning?: (api: Api) => Promise<readonly string[]>;
  /** What to say when it is done; `before` is the status that the device had. */
  done: (label: string, before: DeviceStatus, device: Device) => string[];
  /** Refuses the act for a device as it is, before anybody is asked and anything is done. */
  check?: (device: Device, label: string) => void;
  /** What comes after the registry's own act. The object is printed with `--json`, instead of the device. */
  afterwards?: (changed: Device) => Promise<{ object: unknown; lines: readonly string[] }>;
}

/** The one way of `approve`, `suspend`, `reinstate`, `lost` and `revoke`. */
export async function changeStatus(session: Session, command: StatusCommand): Promise<void> {
  const { act, reason, question, warning, done, check, afterwards } = command;
  const api = await session.api();
  const device = await findDevice(api, command.device);
  const label = deviceLabel(device);
  check?.(device, label);
  const { to } = STATUS_ACTS[act];
  // What changes nothing needs no consent; the server still has the last word.
  if (question !== undefined && transition(device.status, act).kind === "changed") {
    const asked = `${question(label, device)} ${identity(device)}`;
    if (warning === undefined) await session.confirm(asked);
    else {
      const names = [device.name, `${device.user}/${device.name}`];
      await session.confirmByName(await warning(api), `${asked} Type its name, ${device.name}`, names);
    }
  }
  let changed: Device;
  try {
    changed = await api.act(device, act, reason);
  } catch (error) {
    throw withHint(error, "forbidden-transition", transitionHint(device, act));
  }
  if (device.status === to) session.output.lines(`${label} was ${session.output.status(to)} already`);
  else session.output.lines(...done(label, device.status, device));
  let after: Awaited<ReturnType<NonNullable<typeof afterwards>>> | undefined;
  try {
    after = await afterwards?.(changed);
  } finally {
    session.output.object(after?.object ?? changed);
  }
  session.output.lines(...(after?.lines ?? []));
}

/** What tells a device from others in a question. */
function identity({ id, status }: Device): string {
  return `(${status}, id ${id})`;
}

function transitionHint(device: Device, act: StatusAct): string {
  if (device.status === "revoked") {
    return `revoked is final: forget the record with ${LATCHKEY} forget ${referenceTo(device)}, then enrol the device again`;
  }
  return `${act} is for devices that are ${STATUS_ACTS[act].from.join(" or ")}; this one is ${device.status}`;
}
