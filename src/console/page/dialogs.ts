import { element, setText } from './dom.ts';

/** Asks before something is done. Resolves with whether it shall be. */
export function confirmAction(question: string, verb: string): Promise<boolean> {
  return new Promise((resolve) => {
    const yes = element('button', { type: 'button', class: 'danger' }, [verb]);
    const no = element('button', { type: 'button' }, ['Cancel']);
    const dialog = element('dialog', { 'aria-label': verb }, [
      element('p', {}, [question]),
      element('div', { class: 'buttons' }, [no, yes]),
    ]);
    let agreed = false;
    yes.addEventListener('click', () => {
      agreed = true;
      dialog.close();
    });
    no.addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(agreed);
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}

/** A line that asks for an API key, shown while the server wants one. */
export class KeyForm {
  readonly element: HTMLElement;
  readonly #why = element('p', { class: 'about' });

  constructor(onKey: (key: string) => void) {
    const input = element('input', { type: 'password', id: 'key', autocomplete: 'off', maxlength: '512' });
    const use = element('button', { type: 'button' }, ['Use key']);
    const give = (): void => {
      if (input.value.trim() !== '') onKey(input.value.trim());
      input.value = '';
    };
    use.addEventListener('click', give);
    input.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') give();
    });
    this.element = element('section', { class: 'key-form', hidden: '' }, [
      element('label', { for: 'key' }, ['API key']),
      input,
      use,
      this.#why,
    ]);
  }

  /** @param why '' hides it. */
  show(why: string): void {
    this.element.hidden = why === '';
    setText(this.#why, why);
  }
}
