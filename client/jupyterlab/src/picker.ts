/** Has the user pick one of the models that the panel shows. */
import { Dialog, InputDialog, showDialog } from '@jupyterlab/apputils';
import { t, type ModelNode, type ModelPicker } from '@model-loupe/core';

export class DialogPicker implements ModelPicker {
  /** @param models - gives all models that there are */
  constructor(readonly models: () => Promise<readonly ModelNode[]>) {}

  async pick(title: string, models: readonly ModelNode[]): Promise<ModelNode | undefined> {
    const items = models.map(({ label, description }) => (description ? `${label} · ${description}` : label));
    const { value } = await InputDialog.getItem({ title, items });
    return value === null ? undefined : models[items.indexOf(value)];
  }

  sayNone(another: boolean): void {
    void showDialog({
      title: 'Model Loupe',
      body: another ? t('The open documents name no other model.') : t('The open documents name no model.'),
      buttons: [Dialog.okButton()],
    });
  }
}
