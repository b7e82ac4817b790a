/** What both editors ask about whole models, by the ids of their rows. */
import {
  COMPARE,
  EXPORT,
  PRINT_MODEL,
  SIZES,
  type Area,
  type CompareParams,
  type Exported,
  type ExportFormat,
  type ExportParams,
  type PrintedModel,
  type Transport,
} from './protocol.js';

/** What `print(model)` writes for the call behind a printable row; `node` is the row's id. */
export function printModel(transport: Transport, node: string): Promise<PrintedModel> {
  return transport.request(PRINT_MODEL, { node });
}

/** Two models side by side; the text is Markdown. */
export function compareModels(transport: Transport, models: CompareParams): Promise<PrintedModel> {
  return transport.request(COMPARE, models);
}

/** A model as text to paste elsewhere. */
export async function exportModel(transport: Transport, node: string, format: ExportFormat): Promise<string> {
  const params: ExportParams = { node, format };
  return (await transport.request<Exported>(EXPORT, params)).text;
}

/** Where the bytes of a model are. */
export function modelSizes(transport: Transport, node: string): Promise<Area> {
  return transport.request(SIZES, { node });
}
