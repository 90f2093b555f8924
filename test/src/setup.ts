// Files of tests share a runtime: each finds its objects empty.
import { reset } from "cloudflare:test";
import { beforeAll } from "vitest";

beforeAll(reset);
