import JSON

/// What has to be known of a preset to write a destination that uses it.
package struct PresetOutline: Sendable {
    package let name: String
    /// What the operator has to have at hand, in words.
    package let needs: [String]
    /// Keys of `with` that have no default.
    package let parameters: [String]
    /// Whether the preset brings its URL.
    package let hasURL: Bool

    /// The need which is a URL that is rendered for each event; nil where there is none.
    package var templateURL: String? { hasURL ? nil : needs.first { $0.contains("://") && $0.contains("${") } }

    package init(_ name: String, needs: [String] = [], parameters: [String] = [], hasURL: Bool = false) {
        self.name = name
        self.needs = needs
        self.parameters = parameters
        self.hasURL = hasURL
    }
}

extension PresetLibrary {
    /// What `add` has to know of each preset; one whose file is faulty asks for nothing, and check says what is wrong.
    package var outlines: [PresetOutline] {
        let readable = Dictionary(presets.map { ($0.name, $0.outline) }) { first, _ in first }
        return names.map { readable[$0] ?? PresetOutline($0) }
    }
}

extension Preset {
    fileprivate var outline: PresetOutline {
        PresetOutline(
            name, needs: needs, parameters: parameters.filter { $0.standard == nil }.map(\.name), hasURL: hasURL)
    }

    private var hasURL: Bool {
        guard case .object(let members) = destination.kind else { return false }
        return members.contains { $0.key == "url" }
    }
}
