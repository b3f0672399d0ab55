import Glibc
import Relay

/// The presets that come with the program, and the operator's own.
///
/// The texts stand once, in `Sources/GruveoRelay/Presets`; `make install` copies them for people to read. SwiftPM
/// embeds their bytes in the program, as it does with the schema of the routes file.
enum ShippedPresets {
    /// The largest file of an operator, in bytes.
    private static let limit = 262_144

    static var files: [PresetFile] {
        [
            ("discord", PackageResources.discord_json), ("googlechat", PackageResources.googlechat_json),
            ("hubspot-call", PackageResources.hubspot_call_json), ("make", PackageResources.make_json),
            ("mattermost", PackageResources.mattermost_json), ("n8n", PackageResources.n8n_json),
            ("pipedrive-activity", PackageResources.pipedrive_activity_json),
            ("salesforce-task", PackageResources.salesforce_task_json), ("slack", PackageResources.slack_json),
            ("teams", PackageResources.teams_json), ("telegram", PackageResources.telegram_json),
            ("zapier", PackageResources.zapier_json), ("zoho-call", PackageResources.zoho_call_json),
        ].map { name, bytes in
            PresetFile(name: name, path: "/usr/share/gruveo-relay/presets/\(name).json", bytes: bytes)
        }
    }

    /// All that a routes file in this directory can name.
    static func library(directory: String) -> PresetLibrary {
        PresetLibrary(shipped: files, own: own(in: "\(directory)/presets"))
    }

    /// The files of the folder itself; what lies deeper no destination could name.
    private static func own(in folder: String) -> [PresetFile] {
        let names = (try? Files.names(below: folder, ending: ".json")) ?? []
        return names.filter { !$0.contains("/") }.map { name in
            let path = "\(folder)/\(name)"
            return PresetFile(name: String(name.dropLast(".json".count)), path: path, content(path))
        }
    }

    private static func content(_ path: String) -> PresetFile.Content {
        do throws(FileFault) { return .text(try Files.read(path, limit: limit)) } catch {
            return .unreadable(error.reason)
        }
    }
}
