// Files of tests share processes, in which the packages that they import are loaded once. Each file has modules of its
// own.
import { vi } from "vitest";

vi.resetModules();
