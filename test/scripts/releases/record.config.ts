// How npm run release:fixture runs record.ts: in the runtime of the tests, and on nobody's list of tests.
import base from "../../../vitest.config.ts";

const [worker] = (base as { test: { projects: { test: object }[] } }).test.projects;

export default {
  ...worker,
  test: {
    ...worker?.test,
    name: "record",
    include: ["test/src/releases/record.ts"],
    exclude: [],
    update: true,
  },
};
