// The panel as a person sees it: things found by their role and name.

import { expect, type Locator, type Page } from '@playwright/test';

import { type Address } from './node.ts';

export class Panel {
  constructor(
    readonly page: Page,
    readonly node: Address,
  ) {}

  async signIn(): Promise<void> {
    await this.page.goto(new URL('/login', this.node.url).toString());
    await this.page.getByLabel('Password').fill(this.node.password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.waitForURL(this.node.url);
    await this.isLive();
  }

  async open(path = '/'): Promise<void> {
    await this.page.goto(new URL(path, this.node.url).toString());
  }

  /** The page has been taken over by the browser's code, and its stream is open. */
  async isLive(): Promise<void> {
    await expect(this.page.getByText(/^Live/).filter({ visible: true }).first()).toBeVisible();
  }

  peer(name: string): Locator {
    return this.page.getByRole('radio', { name, exact: true });
  }

  /** Leaves the result of the last sync, if the page greets with one. */
  async choosing(): Promise<void> {
    const again = this.page.getByRole('link', { name: 'New sync' });
    await expect(again.or(this.page.getByRole('button', { name: /^Start/ })).first()).toBeVisible();
    if (await again.isVisible()) await again.click();
    await expect(this.page.getByRole('button', { name: /^Start/ })).toBeVisible();
  }

  async choose(direction: 'Pull' | 'Push', peer: string): Promise<void> {
    await this.choosing();
    await this.peer(peer).check({ force: true });
    await this.page.getByRole('radio', { name: new RegExp(`^${direction}`) }).check({ force: true });
  }

  start(direction: 'Pull' | 'Push'): Locator {
    return this.page.getByRole('button', { name: `Start ${direction.toLowerCase()}` });
  }

  get status(): Locator {
    return this.page.getByRole('status');
  }

  get cancel(): Locator {
    return this.page.getByRole('button', { name: /^Cancel sync…/ });
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog');
  }
}
