/// A parsed template value and where it stands.
final class TemplateNode: Sendable {
    enum Kind: Sendable {
        /// A value in which nothing is to be rendered.
        case constant(TemplateValue)
        case text([TextPart])
        case list([TemplateNode])
        case object([Member])
        case operation(Operation)
        /// What is wrong with this value; the error of a render which reaches it.
        case fault(TemplateError)
    }

    struct Member: Sendable {
        /// The key as it is written.
        let key: FieldKey
        /// The parts of a key that is to be rendered.
        let parts: [TextPart]?
        let value: TemplateNode
    }

    let kind: Kind
    /// Byte offset of the value in its file.
    let offset: Int

    init(kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

/// A piece of a text: as it is, or an expression between `${` and `}`.
enum TextPart: Sendable {
    case literal(String)
    case expression(ExpressionNode, source: String)
}

/// An object with a key like `$if`.
enum Operation: Sendable {
    case eval(ExpressionNode)
    case json(TemplateNode)
    case flatten(TemplateNode)
    case flattenDeep(TemplateNode)
    case fromNow(TemplateNode, from: TemplateNode?)
    case condition(ExpressionNode, then: TemplateNode?, else: TemplateNode?)
    /// `areNames`: the keys are known to be names.
    case letting(TemplateNode, areNames: Bool, in: TemplateNode)
    case map(TemplateNode, names: [FieldKey], each: TemplateNode)
    case reduce(TemplateNode, names: [FieldKey], each: TemplateNode, initial: TemplateValue)
    case find(TemplateNode, names: [FieldKey], each: ExpressionNode)
    case match([Case])
    case choose([Case], otherwise: TemplateNode?)
    case merge(TemplateNode)
    case mergeDeep(TemplateNode)
    case sort(TemplateNode, by: (name: FieldKey, key: ExpressionNode)?)
    case reverse(TemplateNode)

    /// A condition of `$match` or `$switch` and its value.
    struct Case: Sendable {
        let condition: ExpressionNode
        let value: TemplateNode
    }
}
