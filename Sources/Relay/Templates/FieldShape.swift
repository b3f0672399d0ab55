import JSONTemplates

/// What a documented field holds, as far as templates rely on it. A strange value in one field must not cost the whole
/// event: what does not fit counts as missing.
enum FieldShape {
    /// 9999-12-31T00:00:00Z: a later time may be written with five digits of a year in a zone east of UTC.
    private static let lastMillisecond = 253_402_214_400_000.0

    /// A text; a number, true and false are written as one wherever a text is wanted.
    case text
    /// From 0.
    case number(upTo: Double)
    /// An object in which these are texts.
    case object([String])
    /// An object in which all are texts.
    case texts
    /// A list of people.
    case people

    /// Whole numbers up to here are exact.
    static let count = FieldShape.number(upTo: 0x1p53)
    static let milliseconds = FieldShape.number(upTo: lastMillisecond)
    static let seconds = FieldShape.number(upTo: lastMillisecond / 1000)
    static let person = FieldShape.object(["name", "email"])

    /// The value, or what of it fits; nil where nothing does.
    func fitted(_ value: TemplateValue) -> TemplateValue? {
        switch (self, value) {
        case (_, .null): nil
        case (.text, _): value.scalarText == nil ? nil : value
        case (.number(let most), .number(let number)): 0...most ~= number.double ? value : nil
        case (.object(let names), .object(let fields)):
            FieldShape.without(fields) { names.contains($0.key) && $0.value.scalarText == nil }
        case (.texts, .object(let fields)): FieldShape.without(fields) { $0.value.scalarText == nil }
        case (.people, .list(let list)): FieldShape.people(list)
        default: nil
        }
    }

    private static func without(
        _ fields: TemplateFields, _ isStrange: (TemplateFields.Member) -> Bool
    ) -> TemplateValue {
        guard fields.members.contains(where: isStrange) else { return .object(fields) }
        return .object(TemplateFields(fields.members.filter { !isStrange($0) }))
    }

    private static func people(_ list: TemplateList) -> TemplateValue {
        .list(TemplateList(list.elements.compactMap(person.fitted)))
    }
}
