// No I/O. No clock.
import type { Notification } from "./event.ts";
import type { NotifyTarget } from "./settings.ts";

/** How ntfy shows an event. Priorities: 3 is the default, 4 makes more noise (docs.ntfy.sh/publish). */
const NTFY_LOOKS: Record<Notification["type"], { tags: string[]; priority: number }> = {
  "certificate-expiring": { tags: ["hourglass_flowing_sand"], priority: 3 },
  "certificate-waiting": { tags: ["key"], priority: 3 },
  "device-lost": { tags: ["rotating_light"], priority: 4 },
  "wipe-delivered": { tags: ["wastebasket"], priority: 4 },
};

/** The JSON that a target is sent. The same at each repetition. */
export function bodyFor(target: NotifyTarget, notification: Notification): string {
  const { id, type, at, title, message, data } = notification;
  if (target.format === "json") return JSON.stringify({ id, type, at, title, message, data });
  // The text as JSON and not in headers, which hold no other letters than ASCII's.
  return JSON.stringify({ topic: target.topic, title, message, ...NTFY_LOOKS[type] });
}
