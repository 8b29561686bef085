/**
 * The seed of a test that asks at random; a variable of the environment repeats one. CI asks the
 * same questions every time, so that a change is judged by what it changes; everybody else explores.
 */
export function seedFrom(variable: string): number {
  return Number(
    process.env[variable] ?? (process.env["CI"] ? 451_830_457 : Date.now() % 1_000_000_000),
  );
}
