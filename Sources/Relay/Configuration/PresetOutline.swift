package import JSON

/// What has to be known of a preset to write a destination that uses it.
package struct PresetOutline: Sendable {
    package let name: String
    /// What such a destination needs beside its URL, as it is written at first; `NAME` in a text of it stands for the
    /// destination's name.
    package let needs: JSONObject

    package init(name: String, needs: JSONObject = JSONObject()) {
        self.name = name
        self.needs = needs
    }

    /// The presets that there are.
    package static let known = [
        "slack", "discord", "teams", "mattermost", "googlechat", "telegram", "hubspot-call", "salesforce-task",
        "pipedrive-activity", "zoho-call", "zapier", "make", "n8n",
    ].map { PresetOutline(name: $0) }

    func members(for destination: String) -> [JSONObject.Member] {
        needs.members.map { JSONObject.Member(key: $0.key, value: $0.value.naming(destination)) }
    }
}

extension JSONValue {
    fileprivate func naming(_ destination: String) -> JSONValue {
        switch self {
        case .string(let text):
            .string(text.split(separator: "NAME", omittingEmptySubsequences: false).joined(separator: destination))
        case .array(let elements): .array(elements.map { $0.naming(destination) })
        case .object(let object):
            .object(JSONObject(object.members.map { .init(key: $0.key, value: $0.value.naming(destination)) }))
        default: self
        }
    }
}
