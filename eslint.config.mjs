import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['**/dist/', 'client/*/lib/', 'client/*/labextension/', '**/.*/', '**/.venv*/']),
  js.configs.recommended,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['tests/editors/vscode/python-extension/*.js'],
    languageOptions: { sourceType: 'commonjs' },
  },
  {
    files: ['tests/editors/**/*.mjs'],
    // Parts of these files run in the page.
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
  {
    files: ['client/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['client/*/test/**/*.ts'],
    // node:test's test() gives a promise that nobody awaits.
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: ['client/jupyterlab/**/*.ts'],
    // Lumino's signals take a method and its `this` apart.
    rules: { '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['client/vscode/src/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          'Property[key.name=/^(title|label|description|detail|prompt|placeHolder|saveLabel|openLabel)$/] > Literal[value=/^[A-Z]| /]',
          'CallExpression[callee.property.name=/^show(Information|Warning|Error)Message$/] > Literal',
        ].map((selector) => ({ selector, message: 'What a person reads goes through vscode.l10n.t.' })),
      ],
    },
  },
  {
    files: ['client/core/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['vscode*', '@jupyterlab/*', '@lumino/*', 'node:*'], message: 'core knows no editor.' }] },
      ],
    },
  }
);
