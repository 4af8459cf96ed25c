// A page -> a verdict on its accessibility and width, and a picture of it.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import { expect, type Page } from '@playwright/test';

export const SCREENSHOTS = resolve(import.meta.dirname, '../artifacts');

const SCHEMES = ['light', 'dark'] as const;
const WIDTHS = [390, 1440] as const;
/** Narrower and in-between windows are only checked for sideways scrolling. */
const MORE_WIDTHS = [320, 768, 1024] as const;

interface Violation {
  id: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}

/** Takes a picture in both colour schemes at both widths. */
export async function picture(page: Page, name: string): Promise<void> {
  await inEveryLook(page, async (look) => {
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-${look}.png`, fullPage: true, animations: 'disabled' });
  });
}

/** No violation of the accessibility rules, no sideways scrolling; in both schemes and at both widths. */
export async function expectGoodLooks(page: Page, name: string): Promise<void> {
  await inEveryLook(page, async (look) => {
    await page.screenshot({ path: `${SCREENSHOTS}/${name}-${look}.png`, fullPage: true, animations: 'disabled' });
    await expectNoSidewaysScroll(page, `${name} ${look}`);
    expect(readable(await violations(page)), `accessibility of ${name} ${look}`).toEqual([]);
  });
  for (const width of MORE_WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    await expectNoSidewaysScroll(page, `${name} at ${width} px`);
  }
}

async function inEveryLook(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await look(`${colorScheme}-${width}`);
    }
  }
}

async function expectNoSidewaysScroll(page: Page, where: string): Promise<void> {
  const excess = await page.evaluate(() => {
    const root = document.documentElement;
    return root.scrollWidth - root.clientWidth;
  });
  expect(excess, `pixels that ${where} is too wide`).toBeLessThanOrEqual(0);
}

async function violations(page: Page): Promise<Violation[]> {
  // Evaluated by the debugger, so the page's own content policy stays as strict as it is.
  await page.evaluate(await axeSource());
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
    return (await axe.run()).violations;
  });
}

function axeSource(): Promise<string> {
  return readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
}

function readable(found: Violation[]): string[] {
  return found.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.html}\n${node.failureSummary}`));
}
