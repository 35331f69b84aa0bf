import { api } from "./api";

export interface Item {
  sku: string;
  quantity: number;
}

async function inStock(item: Item): Promise<boolean> {
  const stock = await api.get<number>(`/stock/${item.sku}`);
  return stock >= item.quantity;
}

export async function checkout(items: Item[]): Promise<void> {
  await api.post("/orders", { items });
}
