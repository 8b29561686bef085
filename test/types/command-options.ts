// Compiled by `npm run types`, never run: a line compiles, unless the comment above it expects an
// error, and then it must not.
import {
  defineCommand,
  type CommandContext,
  type CommandSpec,
} from "../../src/cli/command-spec.js";
import { bool, CREATE_FLAG_OF_OPTION, DOMAIN } from "../../src/cli/commands/common-options.js";
import type {
  BoolOption,
  RequiredOption,
  TextOption,
} from "../../src/cli/grammar/command-arguments.js";

const texts = { group: "domsnap", summary: "" } as const;

export const command = defineCommand({
  ...texts,
  name: "take",
  options: [
    DOMAIN,
    bool("keep-current", ""),
    { name: "label", kind: "string", summary: "" },
    { name: "disk", kind: "argv", summary: "" },
  ],
  changes: true,
  run(context) {
    const { args } = context;
    args.has("keep-current");
    args.has("label");
    args.has("disk");
    args.requiredText("domain");
    args.text("domain");
    args.text("label");
    args.list("disk");
    args.assertExclusive("label", "keep-current");
    args.flags({ "keep-current": "keepCurrent" });

    // What domsnap adds to every command, and to every one that changes something.
    args.has("json");
    args.has("dry-run");
    args.text("lock-timeout");

    // @ts-expect-error: misspelt
    args.has("keep-curent");
    // @ts-expect-error: of another command
    args.text("snapshotname");
    // @ts-expect-error: a bool has no value
    args.text("keep-current");
    // @ts-expect-error: many values
    args.text("disk");
    // @ts-expect-error: one value
    args.list("label");
    // @ts-expect-error: may be missing
    args.requiredText("label");
    // @ts-expect-error: misspelt
    args.flags({ "keep-curent": "keepCurrent" });
    // @ts-expect-error: has options that the command does not
    args.flags(CREATE_FLAG_OF_OPTION);
    // @ts-expect-error: misspelt
    args.assertExclusive("label", "keep-curent");

    readsLabel(context);
    readsDomain(context);
    readsNothing(context);
    // @ts-expect-error: the helper reads an option that the command does not have
    readsYes(context);
    return { data: {} };
  },
});

export const looking = defineCommand({
  ...texts,
  name: "look",
  options: [{ ...DOMAIN, required: false }],
  changes: false,
  run(context) {
    context.args.text("domain");
    context.args.has("json");
    // @ts-expect-error: optional here
    context.args.requiredText("domain");
    // @ts-expect-error: the command changes nothing
    context.args.has("dry-run");
    // @ts-expect-error: optional here
    readsDomain(context);
    return { data: {} };
  },
});

export const bare: CommandSpec = {
  ...texts,
  name: "bare",
  options: [DOMAIN],
  changes: false,
  // @ts-expect-error: only `defineCommand` knows the options
  run: (context) => ({ data: context.args }),
};

function readsLabel({ args }: CommandContext<TextOption<"label"> | BoolOption<"keep-current">>) {
  return args.has("keep-current") ? args.text("label") : undefined;
}

function readsDomain({ args }: CommandContext<RequiredOption<"domain">>) {
  return args.requiredText("domain");
}

function readsYes({ args }: CommandContext<BoolOption<"yes">>) {
  return args.has("yes");
}

function readsNothing({ args }: CommandContext) {
  // @ts-expect-error: a helper names what it reads
  return args.has("label");
}
