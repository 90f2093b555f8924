#!/usr/bin/env node
// The command. An installed package runs what was built from the sources, and a clone the sources themselves. What this
// Node is too old for is run by the npm package `node`, if that is installed beside us, as it is in a clone.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const sources = new URL("../scripts/latchkey.ts", import.meta.url);
const built = new URL("../dist/scripts/latchkey.js", import.meta.url);
const isClone = existsSync(sources);
const program = isClone ? sources : built;
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = isClone ? !process.features.typescript : major < 22;
// "engines" in package.json: npm only warns.
const isTooOld = major < 20 || (major === 20 && minor < 19);
const newer = isOld ? newerNode() : undefined;

if (newer !== undefined) {
  runWith(newer);
} else if (isOld && isClone) {
  console.error(
    "latchkey: this Node is too old to run a clone\nhint: run npm ci in the clone, or use Node 24",
  );
  process.exitCode = 2;
} else if (isTooOld) {
  console.error(
    `latchkey: this Node, ${process.versions.node}, is too old: the oldest is 20.19\nhint: use Node 24`,
  );
  process.exitCode = 2;
} else {
  await import(program.href);
}

function newerNode() {
  try {
    return createRequire(import.meta.url).resolve("node/bin/node");
  } catch {
    return undefined;
  }
}

function runWith(node) {
  const child = spawn(node, [fileURLToPath(program), ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends it Ctrl-C as well.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
}
