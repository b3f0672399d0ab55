import EventPatterns

/// What Gruveo's documentation of its webhooks says of a field.
enum GruveoField {
    case text
    case number
    /// One of three words.
    case resolution
    /// Fields in a field; of `assignedUsers` each element's.
    case object([String: GruveoField])
    /// The GET parameters of the call's link: any names, all texts.
    case parameters
    /// Seen in events, but not described.
    case undescribed

    static let resolutions = ["missed", "answered", "declined"]

    private static let person = GruveoField.object(["name": .text, "email": .text])

    static let top: [String: GruveoField] = [
        "timestamp": .number, "maxParticipants": .number, "duration": .number, "link": .text, "location": .text,
        "resolution": .resolution, "user": person, "tracking": .parameters, "waitingTime": .number,
        "account": .object(["id": .text, "organization": .text]), "assignedUsers": person,
        "origin": .undescribed, "platform": .undescribed,
    ]

    /// Fields that every event has, whatever became of the call.
    static let always: Set<String> = [
        "timestamp", "maxParticipants", "duration", "link", "resolution", "account.id", "account.organization",
    ]

    /// The kinds of values that the field has; empty for what is no value.
    var kinds: ScalarKinds {
        switch self {
        case .text, .resolution: .string
        case .number: .number
        case .object, .parameters: []
        case .undescribed: .all
        }
    }
}

/// Where a field of a pattern lies among those that Gruveo documents.
enum GruveoPlace {
    /// A value: `isTracking` for a parameter of the link.
    case value(GruveoField, isTracking: Bool)
    /// An object, which is no value itself.
    case object(GruveoField)
    /// Inside a value, where nothing can be; the number of the steps to the value.
    case inside(Int)
    /// Gruveo documents no such name; the number of the steps to it, and the names that it does document there.
    case unknown(Int, [String])

    init(_ steps: [PatternOutline.Step]) {
        var names = GruveoField.top
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            switch names[step.name] {
            case nil: self = .unknown(index + 1, names.keys.sorted())
            case .object(let inner)? where !isLast:
                names = inner
                continue
            case .parameters? where !isLast: self = .value(.text, isTracking: true)
            case .undescribed?: self = .value(.undescribed, isTracking: false)
            case .object(let inner)?: self = .object(.object(inner))
            case .parameters?: self = .object(.parameters)
            case let field? where isLast: self = .value(field, isTracking: false)
            case .some: self = .inside(index + 1)
            }
            return
        }
        self = .unknown(0, [])
    }
}
