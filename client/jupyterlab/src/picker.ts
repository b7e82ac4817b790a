/** Has the user pick one of the models that the panel shows. */
import { InputDialog, showDialog, Dialog } from '@jupyterlab/apputils';
import { rowText, type ModelNode, type ModelPicker } from '@model-loupe/core';

export class DialogPicker implements ModelPicker {
  /** @param models - gives all models that there are */
  constructor(readonly models: () => Promise<readonly ModelNode[]>) {}

  async pick(title: string, models: readonly ModelNode[]): Promise<ModelNode | undefined> {
    const items = models.map(rowText);
    const { value } = await InputDialog.getItem({ title, items });
    return value === null ? undefined : models[items.indexOf(value)];
  }

  sayNone(another: boolean): void {
    void showDialog({
      title: 'Model Loupe',
      body: another ? 'The open documents name no other model.' : 'The open documents name no model.',
      buttons: [Dialog.okButton()],
    });
  }
}
