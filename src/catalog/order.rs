//! Tables -> an order in which parents come before their children, with the cycles named.

use std::collections::HashMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use super::{Table, TableName};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Indexes into the tables, parents first; inside a cycle those first whose deferrable keys can wait.
    pub tables: Vec<usize>,
    /// Groups of tables that reference each other; a table that references only itself is not one.
    pub cycles: Vec<Vec<TableName>>,
}

/// Orders `tables` by their foreign keys. References to tables outside are ignored.
pub fn parents_first(tables: &[Table]) -> Order {
    let mut graph = DiGraph::<usize, ()>::with_capacity(tables.len(), tables.len());
    let nodes: Vec<_> = (0..tables.len()).map(|index| graph.add_node(index)).collect();
    // The same without the keys that can wait for the end of the transaction.
    let mut strict = graph.clone();
    let by_name: HashMap<&TableName, usize> =
        tables.iter().enumerate().map(|(index, table)| (&table.name, index)).collect();
    for (child, table) in tables.iter().enumerate() {
        for key in &table.foreign_keys {
            if let Some(&parent) = by_name.get(&key.parent).filter(|&&parent| parent != child) {
                graph.update_edge(nodes[child], nodes[parent], ());
                if !key.terms.deferrable {
                    strict.update_edge(nodes[child], nodes[parent], ());
                }
            }
        }
    }
    // Tarjan's components come out in reverse topological order of the edges child -> parent: parents first.
    let mut order = Order { tables: Vec::with_capacity(tables.len()), cycles: Vec::new() };
    for component in tarjan_scc(&graph) {
        let mut members: Vec<usize> = component.into_iter().map(|node| graph[node]).collect();
        members.sort_by(|a, b| tables[*a].name.cmp(&tables[*b].name));
        if members.len() > 1 {
            let waiting: Vec<usize> =
                tarjan_scc(&strict).into_iter().flatten().map(|node| strict[node]).collect();
            members.sort_by_key(|member| waiting.iter().position(|index| index == member));
            let mut names: Vec<TableName> = members.iter().map(|&index| tables[index].name.clone()).collect();
            names.sort();
            order.cycles.push(names);
        }
        order.tables.extend(members);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::super::ForeignKey;
    use super::*;

    fn table(name: &str, parents: &[&str]) -> Table {
        let foreign_keys = parents
            .iter()
            .map(|parent| ForeignKey {
                name: format!("{name}_{parent}"),
                columns: vec!["p".to_owned()],
                parent: TableName::new("public", *parent),
                parent_columns: vec!["id".to_owned()],
                ..ForeignKey::default()
            })
            .collect();
        Table {
            name: TableName::new("public", name),
            columns: Vec::new(),
            primary_key: Vec::new(),
            uniques: Vec::new(),
            foreign_keys,
            partitioned: false,
            checks: Vec::new(),
            triggers: Vec::new(),
            unstoppable: Vec::new(),
            row_security: false,
            estimated_rows: 0,
        }
    }

    fn names(tables: &[Table], order: &Order) -> Vec<String> {
        order.tables.iter().map(|&index| tables[index].name.name.clone()).collect()
    }

    #[test]
    fn parents_come_before_children() {
        let tables = [
            table("items", &["orders", "products"]),
            table("orders", &["customers"]),
            table("products", &[]),
        ];
        let order = parents_first(&tables);
        let names = names(&tables, &order);
        let position = |name: &str| names.iter().position(|other| other == name).unwrap();
        assert!(position("orders") < position("items") && position("products") < position("items"));
        assert!(order.cycles.is_empty());
    }

    #[test]
    fn a_cycle_is_named_and_a_self_reference_is_none() {
        let tables = [table("staff", &["store"]), table("store", &["staff"]), table("tree", &["tree"])];
        let order = parents_first(&tables);
        assert_eq!(order.cycles, [[TableName::new("public", "staff"), TableName::new("public", "store")]]);
        assert_eq!(order.tables.len(), 3);
    }

    #[test]
    fn in_a_cycle_the_key_that_can_wait_gives_way() {
        let mut tables = [table("a", &["b"]), table("b", &["a"])];
        tables[1].foreign_keys[0].terms.deferrable = true;
        assert_eq!(names(&tables, &parents_first(&tables)), ["b", "a"]);
        tables[1].foreign_keys[0].terms.deferrable = false;
        tables[0].foreign_keys[0].terms.deferrable = true;
        assert_eq!(names(&tables, &parents_first(&tables)), ["a", "b"]);
    }
}
