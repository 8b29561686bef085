import {
  apiNameOf,
  decode,
  encode,
  FRAME_STATUS,
  FRAME_TYPE,
  PROCEDURES,
  PROGRAM,
  PROGRAM_VERSION,
  RpcFault,
  wireError,
  type ArgsOf,
  type Frame,
  type Procedure,
  type ProcedureName,
} from "../../rpc/index.js";
import { ANSWERS, type Caller } from "../answers/index.js";
import {
  ERROR_DOMAIN,
  notSupported,
  protocolError,
  readOnlyRefusal,
  wireErrorOf,
} from "../failure.js";

const NAME_OF: ReadonlyMap<number, ProcedureName> = new Map(
  Object.entries(PROCEDURES).map(([name, { number }]) => [number, name as ProcedureName]),
);

/** The reply to a call, whatever comes of it. Never rejects. */
export async function answerCall(call: Frame, caller: Caller): Promise<Frame> {
  try {
    return reply(call, FRAME_STATUS.ok, await resultOf(call, caller));
  } catch (thrown) {
    const api = apiNameOf(call.procedure) ?? `procedure ${call.procedure}`;
    return reply(
      call,
      FRAME_STATUS.error,
      encode(wireError, wireErrorOf(thrown, api, reporter(call, caller))),
    );
  }
}

async function resultOf(call: Frame, caller: Caller): Promise<Buffer> {
  const { program, version, procedure } = call;
  if (program !== PROGRAM.remote || version !== PROGRAM_VERSION)
    throw protocolError(`Cannot find program ${program} version ${version}`);
  const name = NAME_OF.get(procedure);
  if (name !== undefined) return run(name, call, caller);
  const api = apiNameOf(procedure);
  throw api === undefined ? protocolError(`unknown procedure: ${procedure}`) : notSupported(api);
}

async function run<Name extends ProcedureName>(
  name: Name,
  { payload }: Frame,
  caller: Caller,
): Promise<Buffer> {
  type Args = ArgsOf<(typeof PROCEDURES)[Name]>;
  // The table's types hold an entry and its answer together; here they are any two that belong so.
  const entry = PROCEDURES[name] as unknown as Procedure<Args, unknown>;
  const answer = ANSWERS[name];
  if (entry.access !== "any") void caller.hypervisor;
  if (entry.access === "write" && caller.isReadOnly) throw readOnlyRefusal(entry.api);
  if (!answer) throw notSupported(entry.api);
  const args = readArguments(entry, payload);
  return encode(entry.result, await answer(args, caller));
}

function readArguments<Args>({ args, api }: Procedure<Args, unknown>, payload: Buffer): Args {
  try {
    return decode(args, payload);
  } catch (thrown) {
    if (!(thrown instanceof RpcFault)) throw thrown;
    throw protocolError(`cannot decode the arguments of ${api}: ${thrown.message}`);
  }
}

/** Who reports an error of the driver: snapshots have a part of libvirt of their own. */
function reporter({ procedure }: Frame, caller: Caller): number {
  const api = apiNameOf(procedure) ?? "";
  if (api.includes("Snapshot")) return ERROR_DOMAIN.snapshot;
  try {
    return caller.hypervisor.driver.errorDomain;
  } catch {
    return ERROR_DOMAIN.rpc;
  }
}

function reply(
  { program, version, procedure, serial }: Frame,
  status: number,
  payload: Buffer,
): Frame {
  return { program, version, procedure, serial, status, type: FRAME_TYPE.reply, payload };
}
