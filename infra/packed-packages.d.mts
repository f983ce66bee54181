export declare function packedPackages(): Promise<Record<string, string>>
