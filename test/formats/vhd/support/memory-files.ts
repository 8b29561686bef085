import type { FileIdentity, ImageFile, ImageFiles } from "../../../../src/formats/vhd/index.js";

/** Files that are buffers, for tests that look at very many of them. Nothing can be changed. */
export function memoryFiles(contents: ReadonlyMap<string, Buffer>): ImageFiles {
  const refuse = () => Promise.reject(new Error("these files are for reading"));
  return {
    open: (path) => Promise.resolve(memoryFile(path, contentOf(contents, path))),
    identify: (path) => {
      const content = contents.get(path);
      return Promise.resolve(content && identityOf(path, content));
    },
    realPath: (path) => Promise.resolve(path),
    create: refuse,
    link: refuse,
    setMode: refuse,
    keepAttributes: refuse,
    rename: refuse,
    unlink: refuse,
  };
}

function memoryFile(path: string, content: Buffer): ImageFile {
  const refuse = () => Promise.reject(new Error("this file is for reading"));
  return {
    path,
    sizeBytes: () => Promise.resolve(content.length),
    read(buffer, offset) {
      const held = content.copy(buffer, 0, Math.min(offset, content.length));
      buffer.fill(0, held);
      return Promise.resolve();
    },
    write: refuse,
    truncate: refuse,
    sync: refuse,
    close: () => Promise.resolve(),
  };
}

function contentOf(contents: ReadonlyMap<string, Buffer>, path: string): Buffer {
  const content = contents.get(path);
  if (!content) throw new Error(`there is no '${path}'`);
  return content;
}

function identityOf(path: string, { length }: Buffer): FileIdentity {
  const owner = { uid: 0, gid: 0, mode: 0o600 };
  return { id: path, kind: "file", sizeBytes: length, changedMs: 0, ...owner };
}
