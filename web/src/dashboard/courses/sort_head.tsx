// The head of a column by which a table is sorted: the first press the more useful way round.

import { Icon } from "../../design/icons.tsx";
import type { StudentFigure, StudentOrder } from "../service/figures.ts";

interface SortHeadProps {
  figure: StudentFigure;
  title: string;
  order: StudentOrder;
  sort: (order: StudentOrder) => void;
  class?: string;
}

export function SortHead({ figure, title, order, sort, class: className }: SortHeadProps) {
  const isSorted = order.figure === figure;
  const { isDescending } = order;
  const press = () =>
    sort({ figure, isDescending: isSorted ? !isDescending : figure !== "user_id" });
  return (
    <th
      scope="col"
      class={className}
      aria-sort={isSorted ? (isDescending ? "descending" : "ascending") : undefined}
    >
      <button type="button" class="sort" onClick={press}>
        {title}
        <Icon name={isSorted ? (isDescending ? "down" : "up") : "sort"} />
      </button>
    </th>
  );
}
