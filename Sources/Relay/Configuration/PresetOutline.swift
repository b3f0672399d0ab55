/// What has to be known of a preset to write a destination that uses it.
package struct PresetOutline: Sendable {
    package let name: String
    /// What the operator has to have at hand, in words.
    package let needs: [String]
    /// Keys of `with` that have no default.
    package let parameters: [String]
    /// Whether the preset brings its URL.
    package let hasURL: Bool

    package init(_ name: String, needs: [String] = [], parameters: [String] = [], hasURL: Bool = false) {
        self.name = name
        self.needs = needs
        self.parameters = parameters
        self.hasURL = hasURL
    }

    /// The presets that there are.
    package static let known = [
        PresetOutline("slack"), PresetOutline("discord"), PresetOutline("teams"), PresetOutline("mattermost"),
        PresetOutline("googlechat"), PresetOutline("telegram", parameters: ["chat_id"]),
        PresetOutline("hubspot-call", hasURL: true), PresetOutline("salesforce-task"),
        PresetOutline("pipedrive-activity", hasURL: true), PresetOutline("zoho-call"), PresetOutline("zapier"),
        PresetOutline("make"), PresetOutline("n8n"),
    ]
}
