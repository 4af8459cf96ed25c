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
    await this.live(async () => {
      await this.page.getByRole('button', { name: 'Sign in' }).click();
      await this.page.waitForURL(this.node.url);
    });
  }

  async open(path = '/'): Promise<void> {
    await this.live(() => this.page.goto(new URL(path, this.node.url).toString()));
  }

  /** Closes the page, so that it neither complains about a node that is stopped nor goes anywhere by itself. */
  async leave(): Promise<void> {
    await this.page.goto('about:blank');
  }

  /** From now on the page follows the node by itself. */
  private async live(open: () => Promise<unknown>): Promise<void> {
    await open();
    await expect(this.page.getByText('Live', { exact: true }).filter({ visible: true }).first()).toBeVisible();
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

  get preview(): Locator {
    return this.page.getByRole('button', { name: 'Preview', exact: true });
  }

  /** The figure of a name among the sums of a sync or a preview. */
  total(name: string): Locator {
    return this.page.locator('.total').filter({ has: this.page.locator('dt', { hasText: new RegExp(`${name}$`) }) }).locator('dd');
  }

  get status(): Locator {
    return this.page.getByRole('status');
  }

  get cancel(): Locator {
    return this.page.getByRole('button', { name: /^Cancel (sync|preview|undo)…/ });
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog');
  }
}
