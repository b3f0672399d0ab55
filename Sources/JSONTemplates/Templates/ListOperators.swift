/// `$flatten`, `$flattenDeep`, `$sort` and `$reverse`.
extension Renderer {
    mutating func flatten(_ values: TemplateNode, deep: Bool, _ scope: Scope) throws(TemplateError) -> TemplateValue {
        guard case .list(let list)? = try render(values, scope) else {
            throw TemplateError(.template, "$flatten\(deep ? "Deep" : "") value must evaluate to an array")
        }
        var flat: [TemplateValue] = []
        for element in list.elements { try flatten(element, levels: deep ? .max : 1, into: &flat) }
        return try budget.list(flat)
    }

    private mutating func flatten(
        _ value: TemplateValue, levels: Int, into flat: inout [TemplateValue]
    ) throws(TemplateError) {
        try budget.spend()
        guard levels > 0, case .list(let list) = value else { return flat.append(value) }
        for element in list.elements { try flatten(element, levels: levels - 1, into: &flat) }
    }

    mutating func reverse(_ values: TemplateNode, _ scope: Scope) throws(TemplateError) -> TemplateValue {
        guard case .list(let list)? = try render(values, scope) else {
            throw TemplateError(.template, "$reverse value must evaluate to an array of objects")
        }
        try budget.spend(list.elements.count)
        return try budget.list(list.elements.reversed())
    }

    mutating func sort(
        _ values: TemplateNode, by: (name: FieldKey, key: ExpressionNode)?, _ scope: Scope
    ) throws(TemplateError) -> TemplateValue {
        guard case .list(let list)? = try render(values, scope) else { throw .unsortable }
        var keys: [TemplateValue] = []
        for element in list.elements {
            guard let by else { break }
            keys.append(try evaluate(by.key, Scope.binding([by.name], to: [element], in: scope)))
        }
        let order = try sortedPlaces(by == nil ? list.elements : keys)
        return try budget.list(order.map { list.elements[$0] })
    }

    /// The places of numbers or of texts in rising order; those that are the same keep theirs.
    private mutating func sortedPlaces(_ keys: [TemplateValue]) throws(TemplateError) -> [Int] {
        let comparisonsOfEach = Int.bitWidth - keys.count.leadingZeroBitCount + 1
        try budget.spend(keys.count * comparisonsOfEach)
        try budget.spend(bytes: keys.reduce(0) { $0 + $1.size } * comparisonsOfEach)
        let numbers = keys.compactMap { key in if case .number(let number) = key { number } else { nil } }
        let texts = keys.compactMap { key in if case .string(let text) = key { text } else { nil } }
        let places = Array(keys.indices)
        // The standard library's sort is stable.
        if numbers.count == keys.count { return places.sorted { numbers[$0].compare(to: numbers[$1]) == .before } }
        guard texts.count == keys.count else { throw .unsortable }
        return places.sorted { texts[$0].utf8.lexicographicallyPrecedes(texts[$1].utf8) }
    }
}

extension TemplateError {
    fileprivate static var unsortable: TemplateError {
        TemplateError(.template, "$sorted values to be sorted must have the same type")
    }
}
