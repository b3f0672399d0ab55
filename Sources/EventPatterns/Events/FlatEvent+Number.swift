extension FlatEvent {
    /// The number at a path, nil where there is none or something else; the path has to be among those read.
    package func number(at path: String, in table: PathTable) -> Double? {
        guard let path = table.index(of: path), chains[path].first >= 0,
            case .number(let value) = values[Int(chains[path].first)].scalar
        else { return nil }
        return value
    }
}
