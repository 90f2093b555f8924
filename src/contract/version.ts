// Which Latchkey answers. A gate and a command line may each be older than the other: both say what they are.

/** The version in `package.json`, which a Worker cannot read; a test compares them. */
export const VERSION = "0.1.0";

/** The API's own version, a part of its paths: another one means that older command lines no longer work. */
export const API_VERSION = "1";

/** The header of every good answer of the API, with `VERSION`. Strangers get none: it would say what to attack. */
export const VERSION_HEADER = "Latchkey-Version";
