import ts from "typescript";

/** Properties and parameters that hold the next step for whoever reads an error. */
const NAMES: ReadonlySet<string> = new Set(["hint", "remedy", "advice"]);

/** What can be said of a text from its source: how it begins and how it ends. */
export interface HintText {
  /** `src/file.ts:LINE`. */
  readonly place: string;
  readonly head: string;
  readonly tail: string;
}

/** Where a hint is made in a way that its source does not show. */
export interface HiddenHint {
  readonly place: string;
  readonly source: string;
}

/** Stands for a part of a text that is looked at where it is made. */
export const PASSED_ON = "(passed on)";

/** One of the texts that an expression may have as its value. */
interface Shape {
  readonly head: string;
  readonly tail: string;
  readonly node: ts.Node;
}

class Hidden extends Error {
  constructor(readonly node: ts.Node) {
    super(node.getText());
  }
}

/**
 * All texts that are given as a hint, a remedy or an advice in a program's own files: to a property
 * or to a parameter of that name. What is passed on from such a name is looked at where it is made.
 */
export function hintTexts(
  program: ts.Program,
  isOwn: (file: string) => boolean,
): { readonly texts: readonly HintText[]; readonly hidden: readonly HiddenHint[] } {
  const shaper = new Shaper(program.getTypeChecker());
  const texts = new Map<ts.Node, HintText>();
  const hidden: HiddenHint[] = [];
  const visit = (node: ts.Node): void => {
    for (const expression of shaper.givenAt(node))
      try {
        for (const shape of shaper.shapes(expression))
          texts.set(shape.node, { place: placeOf(shape.node), head: shape.head, tail: shape.tail });
      } catch (thrown) {
        if (!(thrown instanceof Hidden)) throw thrown;
        hidden.push({ place: placeOf(thrown.node), source: thrown.message });
      }
    ts.forEachChild(node, visit);
  };
  for (const file of program.getSourceFiles()) if (isOwn(file.fileName)) visit(file);
  return { texts: [...texts.values()], hidden };
}

class Shaper {
  constructor(private readonly checker: ts.TypeChecker) {}

  /** What a node gives to names of hints: an object to its property, a call to its parameters. */
  givenAt(node: ts.Node): ts.Node[] {
    if (ts.isPropertyAssignment(node)) return isHintName(node.name) ? [node.initializer] : [];
    if (ts.isShorthandPropertyAssignment(node)) return isHintName(node.name) ? [node] : [];
    if (ts.isParameter(node) || ts.isBindingElement(node))
      return isHintName(node.name) && node.initializer ? [node.initializer] : [];
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return [];
    const parameters = this.checker.getResolvedSignature(node)?.parameters ?? [];
    return parameters.flatMap(({ name }, index) => {
      const argument = node.arguments?.[index];
      return NAMES.has(name) && argument ? [argument] : [];
    });
  }

  shapes(node: ts.Node): Shape[] {
    if (ts.isStringLiteralLike(node)) return [{ head: node.text, tail: node.text, node }];
    if (ts.isTemplateExpression(node)) return this.#ofTemplate(node);
    if (ts.isConditionalExpression(node))
      return [node.whenTrue, node.whenFalse].flatMap((part) => this.shapes(part));
    if (ts.isBinaryExpression(node)) return this.#ofBinary(node);
    if (ts.isShorthandPropertyAssignment(node))
      return this.#ofSymbol(this.checker.getShorthandAssignmentValueSymbol(node), node);
    if (ts.isIdentifier(node)) return this.#ofSymbol(this.checker.getSymbolAtLocation(node), node);
    if (ts.isPropertyAccessExpression(node)) return this.#ofAccess(node);
    if (ts.isElementAccessExpression(node)) return this.#ofTable(node);
    if (ts.isCallExpression(node)) return this.#ofCall(node);
    if (
      ts.isParenthesizedExpression(node) ||
      ts.isAwaitExpression(node) ||
      ts.isAsExpression(node) ||
      ts.isSatisfiesExpression(node)
    )
      return this.shapes(node.expression);
    throw new Hidden(node);
  }

  #ofTemplate(node: ts.TemplateExpression): Shape[] {
    const [first] = node.templateSpans;
    const last = node.templateSpans.at(-1);
    const heads =
      node.head.text === "" && first
        ? this.shapes(first.expression).map(({ head }) => head || first.literal.text)
        : [node.head.text];
    const tails =
      last?.literal.text === ""
        ? this.shapes(last.expression).map(({ tail }) => tail)
        : [last?.literal.text ?? ""];
    return combine(
      heads.length > 0 ? heads : [PASSED_ON],
      tails.length > 0 ? tails : [PASSED_ON],
      node,
    );
  }

  #ofBinary(node: ts.BinaryExpression): Shape[] {
    const left = this.shapes(node.left);
    const right = this.shapes(node.right);
    switch (node.operatorToken.kind) {
      case ts.SyntaxKind.QuestionQuestionToken:
      case ts.SyntaxKind.BarBarToken:
        return [...left, ...right];
      case ts.SyntaxKind.PlusToken:
        return combine(
          left.map(({ head }) => head),
          right.length > 0 ? right.map(({ tail }) => tail) : [PASSED_ON],
          node,
        );
      default:
        throw new Hidden(node);
    }
  }

  #ofSymbol(symbol: ts.Symbol | undefined, node: ts.Node): Shape[] {
    if (!symbol) throw new Hidden(node);
    if (symbol.name === "undefined") return [];
    const known =
      symbol.flags & ts.SymbolFlags.Alias ? this.checker.getAliasedSymbol(symbol) : symbol;
    const declaration = known.valueDeclaration;
    if (declaration && ts.isVariableDeclaration(declaration) && declaration.initializer)
      return this.shapes(declaration.initializer);
    if (declaration && isPassedOn(declaration)) return [];
    throw new Hidden(node);
  }

  #ofAccess(node: ts.PropertyAccessExpression): Shape[] {
    if (isHintName(node.name)) return [];
    throw new Hidden(node);
  }

  /** `TABLE[key]`: whatever the table holds. */
  #ofTable({ expression }: ts.ElementAccessExpression): Shape[] {
    const declaration = this.checker.getSymbolAtLocation(expression)?.valueDeclaration;
    const table =
      declaration && ts.isVariableDeclaration(declaration) ? declaration.initializer : undefined;
    if (!table || !ts.isObjectLiteralExpression(table)) throw new Hidden(expression);
    return table.properties.flatMap((property) => {
      if (!ts.isPropertyAssignment(property)) throw new Hidden(property);
      return this.shapes(property.initializer);
    });
  }

  /** Sentences that are joined, or what a function of ours gives. */
  #ofCall(node: ts.CallExpression): Shape[] {
    const { expression } = node;
    const [separator] = node.arguments;
    if (ts.isPropertyAccessExpression(expression) && expression.name.text === "join")
      if (separator && ts.isStringLiteral(separator) && separator.text === " ")
        return this.#ofList(expression.expression);
    const declaration = this.checker.getResolvedSignature(node)?.declaration;
    if (!declaration || !("body" in declaration) || !declaration.body) throw new Hidden(node);
    return this.#ofBody(declaration.body);
  }

  #ofBody(body: ts.Node): Shape[] {
    if (!ts.isBlock(body)) return this.shapes(body);
    const shapes: Shape[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isFunctionLike(node)) return;
      if (ts.isReturnStatement(node) && node.expression)
        shapes.push(...this.shapes(node.expression));
      ts.forEachChild(node, visit);
    };
    visit(body);
    return shapes;
  }

  /** An array literal with what is spread into it, or a list that is mapped. */
  #ofList(node: ts.Node): Shape[] {
    if (ts.isArrayLiteralExpression(node))
      return node.elements.flatMap((element) =>
        ts.isSpreadElement(element) ? this.#ofList(element.expression) : this.shapes(element),
      );
    if (ts.isParenthesizedExpression(node)) return this.#ofList(node.expression);
    if (ts.isConditionalExpression(node))
      return [node.whenTrue, node.whenFalse].flatMap((part) => this.#ofList(part));
    if (ts.isIdentifier(node)) {
      const declaration = this.checker.getSymbolAtLocation(node)?.valueDeclaration;
      if (declaration && ts.isVariableDeclaration(declaration) && declaration.initializer)
        return this.#ofList(declaration.initializer);
    }
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const [callback] = node.arguments;
      if (node.expression.name.text === "map" && callback && ts.isArrowFunction(callback))
        return this.#ofBody(callback.body);
    }
    throw new Hidden(node);
  }
}

function combine(heads: readonly string[], tails: readonly string[], node: ts.Node): Shape[] {
  return heads.flatMap((head) => tails.map((tail) => ({ head, tail, node })));
}

/** A parameter, or a part of one that is taken apart, which has a hint's name itself. */
function isPassedOn(declaration: ts.Declaration): boolean {
  if (ts.isParameter(declaration)) return isHintName(declaration.name);
  return (
    ts.isBindingElement(declaration) && isHintName(declaration.propertyName ?? declaration.name)
  );
}

function isHintName(name: ts.Node): boolean {
  return (ts.isIdentifier(name) || ts.isStringLiteral(name)) && NAMES.has(name.text);
}

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile();
  const { line } = file.getLineAndCharacterOfPosition(node.getStart());
  return `${file.fileName.slice(file.fileName.lastIndexOf("/src/") + 1)}:${line + 1}`;
}
