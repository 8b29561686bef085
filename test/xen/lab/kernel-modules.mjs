// Which files of a kernel package hold some modules and all that they need.
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** In the order that they can be loaded in, `{ name: "ext4.ko", path }`; built-in ones are left out. */
export function moduleFiles(kernelTree, modules) {
  const folder = join(kernelTree, "lib/modules");
  const paths = new Map(
    readdirSync(folder, { recursive: true })
      .filter((name) => name.endsWith(".ko"))
      .map((name) => [moduleName(basename(name, ".ko")), join(folder, name)]),
  );
  const found = new Map();
  const add = (module) => {
    const path = paths.get(module);
    if (path === undefined || found.has(module)) return;
    for (const needed of dependenciesOf(path)) add(needed);
    found.set(module, { name: basename(path), path });
  };
  for (const module of modules.map(moduleName)) {
    if (!paths.has(module)) throw new Error(`the kernel package has no module '${module}'`);
    add(module);
  }
  return [...found.values()];
}

/** Modules tell their dependencies in the section `.modinfo`: NUL-terminated `key=value`. */
function dependenciesOf(path) {
  const [, names] = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1")) ?? [];
  return (names ?? "").split(",").filter(Boolean).map(moduleName);
}

/** File names have dashes where the kernel has underscores. */
function moduleName(name) {
  return name.replaceAll("-", "_");
}
