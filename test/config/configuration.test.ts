import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect } from "chai";

import { readConfiguration } from "../../src/config/read-configuration.js";
import { expectError } from "../../src/testing/expect-error.js";
import { testFolder } from "../support/images/folder.js";

describe("the configuration", () => {
  const folder = testFolder();
  const write = (text: string) => {
    const file = folder.file("config.json");
    writeFileSync(file, text, { mode: 0o600 });
    return { DOMSNAP_CONFIG: file };
  };

  it("is empty without files", async () => {
    const { plugins, backendFor } = await readConfiguration({ HOME: folder.path });
    expect(plugins).to.deep.equal([]);
    expect(backendFor("file:///x")).to.equal(undefined);
  });

  it("is empty when DOMSNAP_CONFIG is", async () => {
    mkdirSync(folder.file(".config/domsnap"), { recursive: true });
    writeFileSync(folder.file(".config/domsnap/config.json"), "{");
    const env = { HOME: folder.path, DOMSNAP_CONFIG: "" };
    expect((await readConfiguration(env)).plugins).to.deep.equal([]);
  });

  for (const [variable, below] of [
    ["HOME", ".config/domsnap/config.json"],
    ["XDG_CONFIG_HOME", "domsnap/config.json"],
  ] as const)
    it(`of a user is found by ${variable}`, async () => {
      const file = folder.file(below);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, '{ "plugins": ["some-package", "./own.mjs"] }', { mode: 0o600 });
      const { plugins } = await readConfiguration({ [variable]: folder.path });
      const from = { folder: dirname(file), namedBy: file };
      expect(plugins).to.deep.equal([
        { specifier: "some-package", ...from },
        { specifier: "./own.mjs", ...from },
      ]);
    });

  it("chooses a backend for a connection, however that ends, and for all others", async () => {
    const { backendFor } = await readConfiguration(
      write(
        '{"backend": "dd", "connections": {"file:///srv/vms/": {"backend": "mine"}, "xen:///": {}}}',
      ),
    );
    expect(
      ["file:///srv/vms", "file:///srv/vms/", "xen:///", "file:///srv"].map(backendFor),
    ).to.deep.equal(["mine", "mine", "dd", "dd"]);
  });

  const faults: readonly [fault: string, text: string, message: string][] = [
    ["a key that is not known", '{\n  "plugin": []\n}', ":2:3: there is no key 'plugin'"],
    ["a name from the prototype", '{"constructor": 1}', ":1:2: there is no key 'constructor'"],
    ["__proto__", '{"__proto__": {}}', ":1:2: there is no key '__proto__'"],
    [
      "another kind of value",
      '{\n "plugins": "x"\n}',
      ":2:2: 'plugins': expected a list, not \"x\"",
    ],
    ["an item", '{"plugins": [\n"x", 3]}', ":2:6: 'plugins.1': expected a string, not 3"],
    ["an empty name", '{"backend": ""}', ":1:2: 'backend': expected a name, not 0"],
    [
      "a key of a connection",
      '{"connections": {"xen:///": {\n"backnd": "dd"}}}',
      ":2:1: there is no key 'connections.xen:///.backnd'",
    ],
    ["a list", "[]", ":1:1: the whole has to be an object"],
    ["broken JSON", '{"plugins": [}', ':1:14: Unexpected "}"'],
    ["an end in the middle", '{"plugins": [', ":1:14: Unexpected end of the file"],
    ["a comment", "{\n// no\n}", ":2:1: Expected property name or '}'"],
    ["nothing", "", ":1:1: Unexpected end of the file"],
    [
      "a key that is there twice",
      '{"backend": "a",\n "backend": "b"}',
      ":2:2: 'backend' is there twice",
    ],
  ];
  for (const [fault, text, message] of faults)
    it(`with ${fault} is refused, with its place`, async () => {
      const env = write(text);
      await expectError(readConfiguration(env), "config-invalid", env.DOMSNAP_CONFIG + message);
    });

  it("names the keys that there are for one that is not", async () => {
    const top = await expectError(readConfiguration(write('{"x": 1}')), "config-invalid");
    expect(top.hint).to.equal("Use one of these: backend, connections, plugins, trustedFolders.");
    const inner = write('{"connections": {"xen:///": {"x": 1}}}');
    const { hint } = await expectError(readConfiguration(inner), "config-invalid");
    expect(hint).to.equal("Use one of these: backend.");
  });

  it("that DOMSNAP_CONFIG names has to be there", async () => {
    const env = { DOMSNAP_CONFIG: folder.file("none.json") };
    await expectError(readConfiguration(env), "config-invalid", /none\.json.*No such file/);
  });

  it("is never waited for", async () => {
    const env = { DOMSNAP_CONFIG: "/dev/zero" };
    await expectError(readConfiguration(env), "config-invalid", /not a regular file/);
  });

  it("that others may write is not used by root", async () => {
    const env = write("{}");
    chmodSync(env.DOMSNAP_CONFIG, 0o622);
    if (process.geteuid?.() !== 0) {
      await readConfiguration(env);
      return;
    }
    const { detail, hint } = await expectError(readConfiguration(env), "config-invalid");
    expect(detail).to.equal(
      `${env.DOMSNAP_CONFIG}: not used by root: others may write to '${env.DOMSNAP_CONFIG}'`,
    );
    expect(hint).to.equal(`Run chmod go-w '${env.DOMSNAP_CONFIG}' if it is yours.`);
  });
});
