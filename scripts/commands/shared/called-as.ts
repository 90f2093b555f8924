/** How to call this program again: npx says so in the environment. For the commands in hints. */
export const LATCHKEY = process.env.npm_lifecycle_event === "npx" ? "npx latchkey" : "latchkey";
