/** What the compiler is told of the page's code. */

/** The listeners of the page take its own events, which are CustomEvents. */
interface Event {
  readonly detail: any;
}

/** A selector does not tell which element it finds; those of the page have properties of their own. */
interface ParentNode {
  querySelector(selectors: string): any;
}

/** All elements that the page looks at are of HTML. */
interface Element {
  readonly dataset: DOMStringMap;
}
